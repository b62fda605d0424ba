// A web application whose people sign in with openid-client.
import * as client from 'openid-client'
import { home, serve } from './serving.mjs'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, SCOPE, PKCE, SIGNATURES } = process.env

const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  undefined,
  CLIENT_SECRET ? client.ClientSecretBasic(CLIENT_SECRET) : client.None(),
  { execute: [client.allowInsecureRequests] }, // plain http, on this machine only
)
if (SIGNATURES) {
  // openid-client trusts an ID token that came straight from the token endpoint; this makes it verify the signature too. The key set
  // may be kept between two runs: this one is a minute old.
  client.enableNonRepudiationChecks(config)
  const jwks = await (await fetch(config.serverMetadata().jwks_uri)).json()
  client.setJwksCache(config, { jwks, uat: Math.floor(Date.now() / 1000) - 61 })
}

serve({
  async '/login'(session) {
    const parameters = { redirect_uri: home + '/callback', scope: SCOPE }
    parameters.state = session.state = client.randomState()
    parameters.nonce = session.nonce = client.randomNonce()
    if (PKCE) {
      session.verifier = client.randomPKCECodeVerifier()
      parameters.code_challenge = await client.calculatePKCECodeChallenge(session.verifier)
      parameters.code_challenge_method = PKCE
    }
    return { to: client.buildAuthorizationUrl(config, parameters) }
  },

  async '/callback'(session, url) {
    const { state, nonce, verifier } = session
    try {
      session.token = await client.authorizationCodeGrant(config, url, {
        expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true,
      })
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
    try {
      return { body: { claims: await client.fetchUserInfo(config, session.token.access_token, session.user.sub) } }
    } catch (e) {
      if (!(e instanceof client.WWWAuthenticateChallengeError)) throw e
      return { body: { status: e.status } }
    }
  },

  async '/refresh'(session) {
    try {
      session.token = { ...session.token, ...(await client.refreshTokenGrant(config, session.token.refresh_token)) }
    } catch (e) {
      if (!(e instanceof client.ResponseBodyError)) throw e
      return { body: { error: e.error } }
    }
    return { body: { error: '' } }
  },

  async '/logout'(session) {
    const { refresh_token, id_token } = session.token
    for (const name in session) delete session[name]
    await client.tokenRevocation(config, refresh_token, { token_type_hint: 'refresh_token' })
    return { to: client.buildEndSessionUrl(config, { id_token_hint: id_token, post_logout_redirect_uri: home + '/bye' }) }
  },

  async '/bye'() {
    return { body: { message: 'You are signed out.' } }
  },
})
