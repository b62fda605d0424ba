// Package subject owns how people are called towards a client: by the id of their account, or, at a pairwise client, by a name that clients of
// other sectors cannot connect with theirs (OpenID Connect Core §8). It owns the secret behind these names, which is made once and
// never changes, whatever is rotated: with another one everybody would be a stranger everywhere.
//
// It does not own what is registered (package idp) nor the check of sector documents (package client).
package subject
