// Testall is what "make test" runs: the whole suite on SQLite, and every package that opens a database on PostgreSQL
// too, with one exact count at the end.
//
// It reads the event stream of "go test -json". A test counts once, in its leaves: a test with subtests is the sum of
// them. A package that does not build, or that ends without a verdict, is one failure, so that nothing goes missing from
// the count. It does not start PostgreSQL (scripts/with-postgres does) and knows nothing of what is tested.
package main
