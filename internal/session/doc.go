// Package session knows who is signed in: it makes, restores, protects and ends browser sessions, and owns every cookie.
//
// A session is a row; its cookie is an opaque token of which only the digest is stored, with a MAC that is checked before any
// query. There are three cookies: the session (gone with the browser), "keep me signed in" (one use each, then rotated), and
// the browser, which binds interactions and forms to the browser that began them and remembers who signed in here before. A
// cookie that we did not make means nobody; it is never an error and never adopted. How people prove who they are is auth's,
// the pages are handlers'.
//
// RFC 6265; OpenID Connect Core §2 (auth_time, amr); RFC 8176.
package session
