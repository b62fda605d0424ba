// Package untrusted is the one room in which JSON is read that outsiders wrote: parameters, tokens and their claims, registrations, client documents, key
// sets, what upstream providers answer, bodies of the admin API. What such tokens say about their audience and their times is read here too.
//
// Every reader asks the same of a text, whoever sent it: length and nesting are bounded before anything is decoded, it is UTF-8, nothing stands behind it, and
// no object has a member twice. So no two readers of one text understand it differently (RFC 8725 §2.4, RFC 8259 §4). Callers say how much is
// read (Bounds), and what they make of it:
//
//   - Decode fills a value of a known form. Names are compared with their case, and unknown members are passed over, as RFC 7519 §4 and most others want.
//   - Object and Objects give the members as they were written, for callers that look at every name.
//   - Check only looks, for callers that must decode with a reader of their own.
package untrusted
