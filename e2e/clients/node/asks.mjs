// Programs without a browser of their own, with openid-client: a television, a call centre, an API that calls another for a person.
import * as client from 'openid-client'
import { hear, say } from './asking.mjs'

const { FLOW, ISSUER, CLIENT_ID, CLIENT_SECRET, SCOPE } = process.env

const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  undefined,
  CLIENT_SECRET ? client.ClientSecretBasic(CLIENT_SECRET) : client.None(),
  { execute: [client.allowInsecureRequests] }, // plain http, on this machine only
)

const flows = {
  async device() {
    const device = await client.initiateDeviceAuthorization(config, { scope: SCOPE })
    say(device)
    return person(await client.pollDeviceAuthorizationGrant(config, device))
  },

  async ciba() {
    const { login_hint, binding_message } = await hear()
    const request = await client.initiateBackchannelAuthentication(config, { scope: SCOPE, login_hint, binding_message })
    say(request)
    return person(await client.pollBackchannelAuthenticationGrant(config, request))
  },

  // An API got a person's token, and calls another API for that person.
  async exchange() {
    const { subject_token, audience, scope } = await hear()
    const parameters = { subject_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', audience, scope }
    const token = await client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', parameters)
    return { token, introspection: await client.tokenIntrospection(config, token.access_token) }
  },
}

// person is what the application learns about who said yes.
async function person(token) {
  return { token, user: await client.fetchUserInfo(config, token.access_token, token.claims().sub) }
}

try {
  say({ done: true, ...(await flows[FLOW]()) })
} catch (e) {
  if (!(e instanceof client.ResponseBodyError)) throw e
  say({ done: true, error: e.error, description: e.error_description })
}
process.exit()
