// Programs without a browser of their own, with oauth4webapi: a television, a call centre, an API that calls another, jobs; and one that pushes its requests.
import * as oauth from 'oauth4webapi'
import { setTimeout as sleep } from 'node:timers/promises'
import { hear, say } from './asking.mjs'

const { FLOW, ISSUER, CLIENT_ID, CLIENT_SECRET, CLIENT_KEY, SCOPE, SIGNED_ANSWER } = process.env

const options = { [oauth.allowInsecureRequests]: true } // plain http, on this machine only
const issuer = new URL(ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }))
const client = { client_id: CLIENT_ID, authorization_signed_response_alg: SIGNED_ANSWER }

async function authentication() {
  if (CLIENT_SECRET) return oauth.ClientSecretBasic(CLIENT_SECRET)
  if (!CLIENT_KEY) return oauth.None()
  const jwk = JSON.parse(CLIENT_KEY)
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  return oauth.PrivateKeyJwt({ key, kid: jwk.kid })
}
const auth = await authentication()

// poll asks until there are tokens, at the pace that it is told.
async function poll(interval, ask) {
  for (;;) {
    try {
      return await ask()
    } catch (e) {
      if (!(e instanceof oauth.ResponseBodyError)) throw e
      if (e.error === 'slow_down') interval += 5
      else if (e.error !== 'authorization_pending') throw e
      say({ pending: e.error })
    }
    await sleep(interval * 1000)
  }
}

const flows = {
  async device() {
    const began = await oauth.deviceAuthorizationRequest(as, client, auth, { scope: SCOPE }, options)
    const device = await oauth.processDeviceAuthorizationResponse(as, client, began)
    say(device)
    const token = await poll(device.interval ?? 5, async () => {
      const answer = await oauth.deviceCodeGrantRequest(as, client, auth, device.device_code, options)
      return oauth.processDeviceCodeResponse(as, client, answer)
    })
    return person(token)
  },

  async ciba() {
    const { login_hint, binding_message } = await hear()
    const began = await oauth.backchannelAuthenticationRequest(as, client, auth, { scope: SCOPE, login_hint, binding_message }, options)
    const request = await oauth.processBackchannelAuthenticationResponse(as, client, began)
    say(request)
    const token = await poll(request.interval ?? 5, async () => {
      const answer = await oauth.backchannelAuthenticationGrantRequest(as, client, auth, request.auth_req_id, options)
      return oauth.processBackchannelAuthenticationGrantResponse(as, client, answer)
    })
    return person(token)
  },

  // An API got a person's token, and calls another API for that person.
  async exchange() {
    const { subject_token, audience, scope } = await hear()
    const parameters = { subject_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', audience, scope }
    const answer = await oauth.genericTokenEndpointRequest(as, client, auth, 'urn:ietf:params:oauth:grant-type:token-exchange', parameters, options)
    const token = await oauth.processGenericTokenEndpointResponse(as, client, answer)
    return { token, introspection: await introspect(token) }
  },

  async job() {
    const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: SCOPE }, options)
    const token = await oauth.processClientCredentialsResponse(as, client, answer)
    return { token, introspection: await introspect(token) }
  },

  // The same with a key to which the token is bound. The server may ask for a nonce; then the request is sent once more.
  async 'bound-job'() {
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const ask = async () => {
      const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: SCOPE }, { DPoP, ...options })
      return oauth.processClientCredentialsResponse(as, client, answer)
    }
    let nonce = false
    const token = await ask().catch((e) => {
      if (!oauth.isDPoPNonceError(e)) throw e
      nonce = true
      return ask()
    })
    return { token, nonce, introspection: await introspect(token) }
  },

  async pushed() {
    const { redirect_uri } = await hear()
    const verifier = oauth.generateRandomCodeVerifier()
    const state = oauth.generateRandomState()
    const nonce = oauth.generateRandomNonce()
    const parameters = { response_type: 'code', redirect_uri, scope: SCOPE, state, nonce, code_challenge_method: 'S256' }
    parameters.code_challenge = await oauth.calculatePKCECodeChallenge(verifier)
    if (SIGNED_ANSWER) parameters.response_mode = 'jwt'
    const answer = await oauth.pushedAuthorizationRequest(as, client, auth, parameters, options)
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer)
    const to = new URL(as.authorization_endpoint)
    to.search = new URLSearchParams({ client_id: CLIENT_ID, request_uri })
    say({ to })
    const { callback } = await hear()
    const validate = SIGNED_ANSWER ? oauth.validateJwtAuthResponse : oauth.validateAuthResponse // JARM
    const came = await validate(as, client, new URL(callback), state, options)
    const got = await oauth.authorizationCodeGrantRequest(as, client, auth, came, redirect_uri, verifier, options)
    return person(await oauth.processAuthorizationCodeResponse(as, client, got, { expectedNonce: nonce, requireIdToken: true }))
  },
}

// person is what the application learns about who signed in.
async function person(token) {
  const { sub } = oauth.getValidatedIdTokenClaims(token)
  const answer = await oauth.userInfoRequest(as, client, token.access_token, options)
  return { token, user: await oauth.processUserInfoResponse(as, client, sub, answer) }
}

async function introspect(token) {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token.access_token, options))
}

try {
  say({ done: true, ...(await flows[FLOW]()) })
} catch (e) {
  if (!(e instanceof oauth.ResponseBodyError || e instanceof oauth.AuthorizationResponseError)) throw e
  say({ done: true, error: e.error, description: e.error_description })
}
process.exit()
