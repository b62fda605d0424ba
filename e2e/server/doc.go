// Package server starts the built binary for the black-box tests: a free port, a folder or a PostgreSQL database of its own, a
// key ring, and the users and clients of seed.yaml. It can stop, kill and restart what it started, run the command line
// against the same data, start several replicas on one database, and it keeps all that the process wrote. Most servers begin with a
// copy of what one before them made of an empty database (beginning.go).
//
// It knows the settings of docs/config.md and nothing of the program's inside. Environment:
//
//	IDP_TEST_BINARY   a built binary to use instead of building cmd/idp
//	IDP_TEST_ENGINE   sqlite (default) or postgres, as in internal/store/storetest
//
// Shared can be a server that runs already, anywhere:
//
//	IDP_E2E_URL         its issuer
//	IDP_E2E_TOKEN_FILE  an access token of an administrator (docs/admin-api.md), good for as long as the tests run; for those that change clients or users
//
// It has seed.yaml as its seed_file, or its clients and people, and a fresh database: each run takes the people from the first one on. To know what the
// tests ask of it, and not to hold them up, it has these settings besides:
//
//	registration: open
//	client_registration: {mode: open, per_hour: 1000000, quota: 100000}
//	outbound: {allow: [localhost]}   # applications of the tests listen where the tests run: on the server's own machine
//	throttle: {per_address: 100000, starts: 1000000, pushed: 1000000, registrations: 1000000, registrations_total: 1000000}
//	password: {memory: 64KiB, iterations: 1}
//
// Tests that start a server of their own do so there too; its log and its files are out of reach. SSL_CERT_FILE names the authority of its certificate.
package server
