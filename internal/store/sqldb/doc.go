// Package sqldb lets one SQL text run on PostgreSQL and on SQLite.
//
// It owns connections, transactions, placeholders, time conversion and the mapping of driver errors to idp's sentinels; it
// knows no table. Statements are written in the subset that both engines share: $n placeholders, RETURNING, ON CONFLICT,
// conditional updates; never now(), SELECT * or FOR UPDATE. Times are UTC and cut to microseconds on both.
package sqldb
