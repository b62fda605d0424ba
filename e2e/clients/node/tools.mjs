// An MCP client, with the Model Context Protocol's own SDK: it knows the address of a tool server and nothing else.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import * as crypto from 'node:crypto'
import { hear, say } from './asking.mjs'

const { TOOLS, REDIRECT_URI, DOCUMENT } = process.env

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
  redirectToAuthorization: (to) => say({ to }),
}

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(TOOLS), { authProvider })
  const client = new Client({ name: 'agent', version: '1.0.0' })
  try {
    await client.connect(transport)
  } catch (e) {
    if (!(e instanceof UnauthorizedError)) throw e
    const { callback } = await hear() // the person's browser came back
    const answer = new URL(callback).searchParams
    if (answer.get('state') !== remembered.state) throw new Error('the answer is to no question of ours')
    if (answer.has('error')) return { error: answer.get('error') }
    await transport.finishAuth(answer.get('code'))
    return connect()
  }
  return { client }
}

const { client, error } = await connect()
if (error) {
  say({ done: true, error })
  process.exit()
}
for (;;) {
  const { content } = await client.callTool({ name: 'whoami', arguments: {} })
  say({ content: content[0].text, client: remembered.client, tokens: remembered.tokens })
  if ((await hear()).then !== 'again') break
}
say({ done: true })
process.exit()
