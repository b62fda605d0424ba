// Package conformance plays the modules of the OpenID Foundation's conformance suite against the built binary, each by the suite's own name for
// it and with what the suite fails or warns about, in our own words. The suite itself needs a container engine and its own server; here a test
// client takes its place, at an address of this machine, and reads the same plan files (docs/conformance).
//
// A finding says FAILURE or WARNING as the suite would. Either fails the test. What the suite shows to somebody (REVIEW) or leaves out (SKIPPED)
// is part of the table, and checked too; docs/conformance/modules.md is written from it.
//
//	table_test.go    which plan has which modules, in which variants
//	files_test.go    the files of docs/conformance
//	op_test.go       the server under test, started as docs/conformance/README.md says
//	run_test.go      one module being played: its findings, its browser, its calls
//	party_test.go    the relying party: its registration and its authentication
//	visit_test.go    the browser, which follows a plan's script from page to page
//	authorize_test.go, tokens_test.go, claims_test.go, flow_test.go  what is checked in every module
//	core_test.go     the plans of Core; their modules there, in again_test.go and in discovery_test.go
//	fapi_table_test.go  the plans of FAPI 2.0; fapi_party_test.go, fapi_sign_test.go, fapi_request_test.go  its relying party and what that signs
//	fapi_server_test.go  discovery, keys and TLS; the other fapi_….go  the modules, by what they are about
//	ciba_test.go     the plans of FAPI-CIBA; ciba_party_test.go  its relying party, and where that is told of answers
package conformance
