// Package pages answers people: sign-in, account choice, consent, sign-out, set-up, home, and every error page.
//
// A page does one step and records it: "this user proved a password at this time", "this user allowed these scopes". It can
// issue nothing and knows no protocol; the authorization endpoint takes up the interaction afterwards. What a page shows is
// package ui's, who is signed in package session's, whether a password is right package auth's, what an upstream identity
// means package account's.
//
// A GET changes nothing, except where an upstream sends the browser back (its state is the proof that a form of ours began it).
// Every POST carries a token bound to the browser cookie. A POST that may lead off this origin is answered with a page that goes
// on by itself, because under form-action 'self' Chromium follows no redirect of a form to another origin.
//
// Specs: OpenID Connect Core 1.0 §3.1.2.3 and §3.1.2.4, OpenID Connect RP-Initiated Logout 1.0 §2, RFC 9700 §4.7 (CSRF).
package pages
