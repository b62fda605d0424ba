// Package audit records people's and operators' acts: who did what to whom, when, and from where.
//
// An event is written in the transaction of the fact itself, so that neither exists without the other. It is not logging,
// though each event is also one line of the log and one count. What an outsider can put into an event is cut to size and
// cleaned here, and nothing that looks like a secret is written. Reading and deleting events is the store's.
package audit
