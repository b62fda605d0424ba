// Package storetest gives every test of the repository a real, migrated database of its own: a SQLite file, or a PostgreSQL
// database made from a template when IDP_TEST_ENGINE=postgres; and a PostgreSQL server of its own to a test that stops it.
package storetest
