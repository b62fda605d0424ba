// Package server starts the built binary for the black-box tests: a free port, a folder or a PostgreSQL database of its own, a
// key ring, and the users and clients of seed.yaml. It can stop, kill and restart what it started, run the command line
// against the same data, start several replicas on one database, and it keeps all that the process wrote. Most servers begin with a
// copy of what one before them made of an empty database (beginning.go).
//
// It knows the settings of docs/config.md and nothing of the program's inside. Environment:
//
//	IDP_TEST_BINARY   a built binary to use instead of building cmd/idp
//	IDP_TEST_ENGINE   sqlite (default) or postgres, as in internal/store/storetest
//	IDP_E2E_URL       issuer of a server that runs already, with seed.yaml as its seed_file: Shared uses it
package server
