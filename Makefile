# Every target is one command that a person can also type: `make -n TARGET` shows it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOTOOLCHAIN := local
# Where scripts/prerequisites puts a newer Node.js if the machine's is too old.
export PATH := $(CURDIR)/.cache/node/node_modules/.bin:$(PATH)

tool := go tool -modfile=tools.mod

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## the release binary: bin/idp, static, no debug tables
	CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags='-s -w' -o bin/idp ./cmd/idp

.PHONY: run
run: ## a development server with a demo login and a sample application
	go run ./cmd/idp serve --dev

.PHONY: test
test: prerequisites ## everything: SQLite, PostgreSQL, headless Chromium, the other languages' client libraries
	scripts/with-postgres go run ./scripts/testall -count-file=.cache/count

.PHONY: test-offline
test-offline: prerequisites ## the same with the network off, as root on Linux: no test needs the internet
	unshare -n sh -c 'ip link set lo up && exec scripts/with-postgres go run ./scripts/testall'

.PHONY: prerequisites
prerequisites: ## find PostgreSQL, Chromium, Node.js, curl and the Python libraries; install them as root on Debian
	@mkdir -p .cache
	@scripts/prerequisites

.PHONY: test-sqlite
test-sqlite: ## the Go packages below internal/ and cmd/ on SQLite: nothing to install
	go run ./scripts/testall -engines=sqlite -goflags=-p=2 ./internal/... ./cmd/... ./deploy/... ./scripts/...

.PHONY: test-pg
test-pg: ## every package that opens a database, on a PostgreSQL started for the purpose
	scripts/with-postgres go run ./scripts/testall -engines=postgres -goflags=-p=2 ./internal/... ./cmd/...

.PHONY: race
race: ## the packages below internal/ and cmd/ on both engines under the race detector
	CGO_ENABLED=1 scripts/with-postgres go run ./scripts/testall -goflags='-race -p=2 -timeout=30m' ./internal/... ./cmd/...

.PHONY: e2e
e2e: prerequisites ## the black-box tests against the built binary
	scripts/with-postgres go test -count=1 ./e2e/...

.PHONY: browser
browser: prerequisites ## the tests in headless Chromium
	scripts/with-postgres go test -count=1 ./e2e/browser/...

.PHONY: lint
lint: ## gofumpt, go vet, staticcheck, and the shape of the program (import floors, sizes, forbidden calls)
	scripts/lint

.PHONY: fmt
fmt: ## rewrite the Go files as gofumpt wants them
	git ls-files --cached --others --exclude-standard '*.go' | xargs $(tool) gofumpt -w

.PHONY: docs
docs: ## refresh the reference pages that are generated from the program
	scripts/docs

.PHONY: schema
schema: ## refresh the golden picture of both engines' tables
	go test ./internal/store -run Schema -update
	scripts/with-postgres env IDP_TEST_ENGINE=postgres go test ./internal/store -run Schema

.PHONY: openapi
openapi: ## refresh the golden OpenAPI document
	go test ./internal/handlers/api -run OpenAPI -update

.PHONY: cover
cover: ## coverage of internal/ by all tests below internal/ and cmd/, as bin/coverage.html
	mkdir -p bin && go test -coverpkg=./internal/... -coverprofile=bin/coverage.out ./internal/... ./cmd/... && \
	go tool cover -html=bin/coverage.out -o bin/coverage.html && go tool cover -func=bin/coverage.out | tail -n 1

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s); FUZZ=words chooses some
	scripts/fuzz

.PHONY: bench
bench: build ## requests per second, latency and CPU per endpoint beside the machine's own limits
	scripts/with-postgres go run ./e2e/bench -binary=bin/idp

.PHONY: screenshots
screenshots: prerequisites ## each page as a picture below docs/screenshots: light, dark, narrow
	go test -count=1 ./e2e/browser/gallery -run '^TestScreenshots$$' -screenshots $(CURDIR)/docs/screenshots

.PHONY: vuln
vuln: ## known vulnerabilities that the program reaches; needs the internet, or IDP_VULNDB, a folder of OSV files
	$(tool) govulncheck $(if $(IDP_VULNDB),-db=file://$(abspath $(IDP_VULNDB))) ./cmd/idp
