// A web application that takes no chances, with openid-client: pushed requests, private_key_jwt, DPoP; with SIGNED=1 signed requests and signed
// answers, too.
import * as crypto from 'node:crypto'
import * as client from 'openid-client'
import { home, serve } from './serving.mjs'

const { ISSUER, CLIENT_ID, CLIENT_KEY, SCOPE, SIGNED } = process.env

const jwk = JSON.parse(CLIENT_KEY)
const signing = {
  kid: jwk.kid,
  key: await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']),
}

const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  { use_mtls_endpoint_aliases: false },
  client.PrivateKeyJwt(signing),
  { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }, // plain http, on this machine only
)
if (SIGNED) client.useJwtResponseMode(config)

const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))

serve({
  async '/login'(session) {
    let parameters = new URLSearchParams({ redirect_uri: home + '/callback', scope: SCOPE, code_challenge_method: 'S256' })
    parameters.set('state', (session.state = client.randomState()))
    parameters.set('nonce', (session.nonce = client.randomNonce()))
    session.verifier = client.randomPKCECodeVerifier()
    parameters.set('code_challenge', await client.calculatePKCECodeChallenge(session.verifier))
    if (SIGNED) parameters = (await client.buildAuthorizationUrlWithJAR(config, parameters, signing)).searchParams
    return { to: await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP }) }
  },

  async '/callback'(session, url) {
    const { state, nonce, verifier } = session
    try {
      session.token = await client.authorizationCodeGrant(
        config,
        url,
        { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        undefined,
        { DPoP },
      )
    } catch (e) {
      if (!(e instanceof client.AuthorizationResponseError)) throw e
      return { status: 403, body: { error: e.error, message: 'You are not signed in: ' + e.error } }
    }
    session.user = session.token.claims()
    return { to: home + '/me' }
  },

  async '/me'(session) {
    return { body: { user: session.user ?? null, token: session.token ?? null } }
  },

  async '/userinfo'(session) {
    return { body: { claims: await client.fetchUserInfo(config, session.token.access_token, session.user.sub, { DPoP }) } }
  },

  // A thief has the token and not the key.
  async '/stolen'(session) {
    const authorization = 'Bearer ' + session.token.access_token
    const answer = await fetch(config.serverMetadata().userinfo_endpoint, { headers: { authorization } })
    return { body: { status: answer.status } }
  },

  async '/refresh'(session) {
    try {
      session.token = { ...session.token, ...(await client.refreshTokenGrant(config, session.token.refresh_token, undefined, { DPoP })) }
    } catch (e) {
      if (!(e instanceof client.ResponseBodyError)) throw e
      return { body: { error: e.error } }
    }
    return { body: { error: '' } }
  },

  async '/introspect'(session) {
    return { body: { claims: await client.tokenIntrospection(config, session.token.access_token) } }
  },
})
