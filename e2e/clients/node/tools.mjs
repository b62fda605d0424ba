// An MCP client, with the Model Context Protocol's own SDK: it knows the address of a tool server and nothing else.
import * as newer from '@modelcontextprotocol/client'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UnauthorizedError as OlderUnauthorized } from '@modelcontextprotocol/sdk/client/auth.js'
import * as crypto from 'node:crypto'
import { hear, say } from './asking.mjs'

const { TOOLS, REDIRECT_URI, DOCUMENT, OLDER } = process.env
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = OLDER
  ? { Client: OlderClient, StreamableHTTPClientTransport: OlderTransport, UnauthorizedError: OlderUnauthorized }
  : newer

// What the SDK wants remembered, in memory.
const remembered = {}
const authProvider = {
  redirectUrl: REDIRECT_URI,
  clientMetadataUrl: DOCUMENT, // where it has one, it needs no registration
  clientMetadata: {
    client_name: 'Agent',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  },
  state: () => (remembered.state = crypto.randomUUID()),
  clientInformation: () => remembered.client,
  saveClientInformation: (client) => void (remembered.client = client),
  tokens: () => remembered.tokens,
  saveTokens: (tokens) => void (remembered.tokens = tokens),
  codeVerifier: () => remembered.verifier,
  saveCodeVerifier: (verifier) => void (remembered.verifier = verifier),
  discoveryState: () => remembered.discovery,
  saveDiscoveryState: (state) => void (remembered.discovery = state),
  redirectToAuthorization: (to) => say({ to }),
}

// The person's browser comes back from where the SDK sent it.
async function finish(transport) {
  const { callback } = await hear()
  const answer = new URL(callback).searchParams
  if (answer.get('state') !== remembered.state) throw new Error('the answer is to no question of ours')
  if (answer.has('error')) {
    say({ done: true, error: answer.get('error') })
    process.exit()
  }
  await transport.finishAuth(OLDER ? answer.get('code') : answer) // the newer one checks iss too (RFC 9207)
}

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(TOOLS), { authProvider })
  const client = new Client({ name: 'agent', version: '1.0.0' })
  try {
    await client.connect(transport)
    return client
  } catch (e) {
    if (!(e instanceof UnauthorizedError)) throw e
    await finish(transport)
    return connect()
  }
}

const client = await connect()
for (;;) {
  const { content } = await client.callTool({ name: 'whoami', arguments: {} })
  say({ content: content[0].text, client: remembered.client, tokens: remembered.tokens })
  if ((await hear()).then !== 'again') break
}
say({ done: true })
process.exit()
