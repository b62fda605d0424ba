package conformance

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"idp/e2e/server"
)

// shared is the server that all modules use but those that want another one.
var shared *op

// life ends the servers.
var life = server.NewLifetime()

// aliased is a server with an address of its own for clients with certificates, and one that gives nonces for DPoP.
var aliased = sync.OnceValue(func() *op {
	return alone(server.Set("IDP_MTLS__URL", "https://mtls.idp.test"), server.Set("IDP_DPOP__REQUIRE_NONCE", "true"))
})

// development is a server in development mode, in which an address answers in the place of people who are asked by CIBA.
var development = sync.OnceValue(func() *op {
	s := alone(server.Flag("--dev"), server.Set("IDP_MTLS__URL", "https://mtls.idp.test"))
	s.suite.serve(notificationPath, hear)
	return s
})

// alone starts a server for some modules.
func alone(options ...server.Option) *op {
	var s *op
	if err := life.Do(func(t testing.TB) { s = startOP(t, options...) }); err != nil {
		panic(err)
	}
	return s
}

// TestMain starts it.
func TestMain(m *testing.M) {
	flag.Parse()
	// Most modules wait for the server, and some for time to pass: as many at once as that allows, however few the processors.
	if err := flag.Set("test.parallel", "64"); err != nil {
		fmt.Println("--- FAIL:", err)
		os.Exit(1)
	}
	err := life.Do(func(t testing.TB) { shared = startOP(t) })
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Println("--- FAIL: start the server under test:", err)
	}
	if err := life.Close(); err != nil {
		fmt.Println("--- FAIL: clean up:", err)
		code = 1
	}
	os.Exit(code)
}
