// Package doctor looks at a deployment and says what is wrong with it, why, and how to mend it: from outside (the issuer as
// browsers see it, TLS, proxies, cookies, clock) and from within (database, keys, secrets, files, upstreams).
//
// It is given facts and changes nothing. What could not even be opened is a fact too, so that one fault never hides the
// others. It owns no rule of its own: each finding is about something that another package requires. No specification but
// those that its probes cite.
package doctor
