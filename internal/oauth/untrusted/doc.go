// Package untrusted reads JSON that outsiders send inside parameters and tokens: request objects, the claims parameter, authorization details. What such
// tokens say about themselves, their audience and their times, is read here too.
//
// Length and nesting are bounded before anything is decoded, names are compared with their case, and an object that has a member twice is refused, so that no
// two readers of one text understand it differently (RFC 8725 §2.4).
package untrusted
