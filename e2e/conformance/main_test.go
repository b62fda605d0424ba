package conformance

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"idp/e2e/server"
)

// shared is the server that all modules use.
var shared *op

// TestMain starts it.
func TestMain(m *testing.M) {
	flag.Parse()
	// Most modules wait for the server, and some for time to pass: as many at once as that allows, however few the processors.
	if err := flag.Set("test.parallel", "64"); err != nil {
		fmt.Println("--- FAIL:", err)
		os.Exit(1)
	}
	life := server.NewLifetime()
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
