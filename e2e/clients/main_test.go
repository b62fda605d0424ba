package clients

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/server"
)

// suite is what all tests of the process share.
var suite struct {
	site *site
	next atomic.Int32 // the last of the crowd that was handed out
}

// TestMain starts the server and the applications that most tests share.
func TestMain(m *testing.M) {
	life := server.NewLifetime()
	err := life.Do(func(t testing.TB) {
		suite.site = deploy(t, all()...)
	})
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Println("--- FAIL: start the server and the applications:", err)
	}
	if err := life.Close(); err != nil {
		fmt.Println("--- FAIL: clean up:", err)
		code = 1
	}
	os.Exit(code)
}

// someone returns a person of whom no other test knows.
func someone(t testing.TB) server.User {
	t.Helper()
	n := suite.next.Add(1)
	if n > crowd {
		t.Fatalf("all %d users are taken: raise crowd", crowd)
	}
	return member(int(n))
}

// eventually asks ok until it says yes: what one process changed in the database, the other notices within a second.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	const limit = 15 * time.Second
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not: %s", limit, what)
		}
		timer := time.NewTimer(30 * time.Millisecond)
		select {
		case <-timer.C:
		case <-t.Context().Done():
			timer.Stop()
		}
	}
}
