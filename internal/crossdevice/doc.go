// Package crossdevice owns what one device asks for and a person decides on at another one: it makes the request, finds it by the code
// that the person types, and records the answer. The client's polls are the token endpoint's.
//
// Whoever decides did not start the request, so a stranger may have: everything here serves to make that dear and visible. Codes are
// short-lived and few, guesses are counted by session and by address, and the person is told who asks, for what, from where and when, and
// says yes on a page of its own, whatever they allowed before.
//
// RFC 8628 §3.1 to §3.3, §5; RFC 10027 (cross-device flows); OpenID Connect CIBA Core §7, §8.
package crossdevice
