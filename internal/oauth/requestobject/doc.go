// Package requestobject reads request objects: the parameters of an authorization request as a JWT that the client signed, perhaps encrypted to
// us (RFC 9101, OpenID Connect Core §6), by value or fetched from an address that the client registered.
//
// It decides whether an object is genuine, meant for this server, fresh, and nothing else that a client signs. What its parameters mean, and whether they may
// be mixed with those beside it, is the authorization endpoint's business.
package requestobject
