// What every application here has: sessions in memory, one handler for each path, and a socket that the tests have opened.
import * as http from 'node:http'
import * as crypto from 'node:crypto'

export const home = 'http://' + process.env.ADDRESS

// serve answers with what the handlers of routes return: an address to go to, or a status and a body.
export function serve(routes) {
  const sessions = new Map()
  const server = http.createServer(async (req, res) => {
    let id = /(?:^|; )app=([\w-]+)/.exec(req.headers.cookie ?? '')?.[1]
    if (!sessions.has(id)) {
      id = crypto.randomUUID()
      sessions.set(id, {})
      res.setHeader('Set-Cookie', `app=${id}; HttpOnly; SameSite=Lax; Path=/`)
    }
    const url = new URL(req.url, home)
    try {
      const { to, status = 200, body } = await routes[url.pathname](sessions.get(id), url)
      if (to) return res.writeHead(302, { Location: to.toString() }).end()
      res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    } catch (e) {
      console.error(e)
      res.writeHead(500, { 'Content-Type': 'application/json' }).end(JSON.stringify({ message: String(e) }))
    }
  })
  process.stdin.resume().on('end', () => process.exit()) // the tests stop it so
  server.listen({ fd: 3 })
}
