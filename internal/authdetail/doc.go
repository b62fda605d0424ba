// Package authdetail knows the types of authorization details that an operator has registered (RFC 9396), and judges details against them.
//
// Details are bounded before they are read, and written anew in one spelling, so that what a person allowed, what a token says and what a schema saw is one
// text. What a detail means is the business of the API that takes the token.
package authdetail
