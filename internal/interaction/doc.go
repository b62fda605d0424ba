// Package interaction decides what a person must still do before an authorization request can be answered, and keeps the
// request while they do it.
//
// Decide is pure: it is handed facts and says what comes next. Service keeps the row: it is bound to the browser that began
// it, bounded in number and size, and consumed once. Of pages and protocol it knows the addresses alone: a page records that a step
// was done, the authorization endpoint asks Decide again.
//
// OpenID Connect Core §3.1.2.1 (prompt, max_age, id_token_hint), §3.1.2.3, §3.1.2.4, §3.1.2.6; RFC 6749 §4.1.2.1.
package interaction
