package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"idp": main})
}

// TestScripts runs the stories in testdata: each is what a person would type, and what they would see.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: false,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"healthy":    healthy,
			"withkid":    withKID,
			"digestfile": digestFile,

			"apiserver": apiserver,
			"signin":    signin,
			"traced":    traced,
			"upstream":  anotherProvider(t),
		},
	})
}

// exits runs "exits CODE idp ARGS…" and compares the exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s: exit code: got %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// healthy starts a stand-in for the server that answers /healthz as its argument says, and sets $ADDR: up, down (nothing listens), broken (500),
// redirect, hangs.
func healthy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: healthy up|down|broken|redirect|hangs")
	}
	release := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case args[0] == "broken", r.URL.Path != "/healthz":
			w.WriteHeader(http.StatusInternalServerError)
		case args[0] == "redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
		case args[0] == "hangs":
			<-release
		}
	}))
	if args[0] == "down" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Setenv("ADDR", l.Addr().String())
		ts.Check(l.Close())
		srv.Listener.Close()
		return
	}
	srv.Start()
	ts.Setenv("ADDR", srv.Listener.Addr().String())
	ts.Defer(func() { close(release); srv.Close() })
}

func TestNotify_TellsSystemd(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/notify"
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, state := range []string{notifyReady, notifyStopping} {
		if err := newApp([]string{"NOTIFY_SOCKET=" + path}, nil, nil, nil).notify(state); err != nil {
			t.Fatal(err)
		}
		if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		n, err := l.Read(buf)
		if got := string(buf[:n]); err != nil || got != state {
			t.Errorf("got %q, %v, want %q", got, err, state)
		}
	}
	if err := newApp(nil, nil, nil, nil).notify(notifyReady); err != nil {
		t.Errorf("without systemd: got %v, want nothing", err)
	}
	if err := newApp([]string{"NOTIFY_SOCKET=/nowhere/notify"}, nil, nil, nil).notify(notifyReady); err == nil {
		t.Error("socket that is not there: got no error")
	}
}

// withKID runs "withkid FILE exits CODE idp ARGS…" with each KID replaced by what is in the file: an id that the script could not know.
func withKID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || args[1] != "exits" {
		ts.Fatalf("usage: withkid FILE exits CODE command…")
	}
	kid := strings.TrimSpace(ts.ReadFile(args[0]))
	rest := args[2:]
	for i, arg := range rest {
		rest[i] = strings.ReplaceAll(arg, "KID", kid)
	}
	exits(ts, false, rest)
}

// digestFile runs "digestfile FILE CLIENT_FILE": it writes the digest that the one holds as secret_digest into the other.
func digestFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digestfile FILE CLIENT_FILE")
	}
	head, _, found := strings.Cut(ts.ReadFile(args[1]), "secret_digest:")
	if !found {
		ts.Fatalf("%s has no secret_digest", args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(head+"secret_digest: "+ts.ReadFile(args[0])), 0o600))
}
