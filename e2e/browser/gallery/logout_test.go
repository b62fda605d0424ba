package gallery

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idp/e2e/browser"
	"idp/internal/handlers/ui"
)

// Front-Channel Logout 1.0 §3: in a browser the frames load, from other origins, and then the page goes on; without scripts too.
func TestSignedOut_FramesLoadAndThePageGoesOn(t *testing.T) {
	t.Parallel()
	first := browser.New(t)
	for name, opts := range map[string][]browser.Option{"with scripts": nil, "without scripts": {browser.NoScript()}} {
		t.Run(name, func(t *testing.T) {
			var loaded atomic.Int32
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				if r.URL.Path == "/fc" && r.URL.Query().Get("sid") == "s1" {
					loaded.Add(1)
				}
				_, _ = w.Write([]byte(`<!doctype html><title>app</title><p id="arrived">here</p>`))
				if r.URL.Path == "/fc" { // it would rather have the whole window
					_, _ = w.Write([]byte(`<script>try { top.location = "/hijacked" } catch {}</script>`))
				}
			}))
			t.Cleanup(app.Close)
			u, err := ui.New(ui.Config{})
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			mux.Handle("/static/", u.Static())
			mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
				u.Render(w, ui.Page{View: ui.SignedOut{
					ReturnURL: app.URL + "/out?state=x", Auto: true,
					Frames: []string{app.URL + "/fc?iss=i&sid=s1", strings.Replace(app.URL, "127.0.0.1", "localhost", 1) + "/fc?iss=i&sid=s1"},
				}}, http.StatusOK)
			})
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			tab := first.Tab(t, opts...)
			tab.Goto(server.URL + "/")
			tab.WaitURL(app.URL + "/out?state=x")
			if n := loaded.Load(); n != 2 {
				t.Errorf("%d frames were loaded before the page went on, want both", n)
			}
		})
	}
}

// Session Management 1.0 §3.2: the frame computes what the server computed, in plain JavaScript.
func TestCheckSession_AnswersThePageAroundIt(t *testing.T) {
	t.Parallel()
	u, err := ui.New(ui.Config{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", u.Static())
	mux.HandleFunc("/session/check", u.CheckSession)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	const state = "k1.AbC-_9"
	mux.HandleFunc("/state", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "idp_state", Value: state, Path: "/"})
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><p id="here">x</p>`))
	})
	mux.HandleFunc("/emptied", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "idp_state", Path: "/"})
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><p id="here">x</p>`))
	})
	// The application has another origin, of the same host: what third-party frames may read is the browser's affair.
	show := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/rp" { // §3.1: a frame beside the other one
			_, _ = w.Write([]byte(`<!doctype html><title>rp</title><script>
addEventListener("message", (e) => { parent.postMessage(e.origin + " " + e.data, "*"); });
function ask(text) { parent.frames[0].postMessage(text, "` + at + `"); }
</script>`))
			return
		}
		_, _ = w.Write([]byte(`<!doctype html><title>app</title><p id="answer"></p><iframe id="op" src="` + at + `/session/check"></iframe><iframe id="rp" src="/rp"></iframe><script>
addEventListener("message", (e) => { document.getElementById("answer").textContent = e.origin === "` + at + `" ? e.origin + " " + e.data : e.data; });
function ask(text) { document.getElementById("answer").textContent = ""; document.getElementById("op").contentWindow.postMessage(text, "` + at + `"); }
function askBeside(text) { document.getElementById("answer").textContent = ""; document.getElementById("rp").contentWindow.ask(text); }
</script>`))
	}
	app := httptest.NewServer(http.HandlerFunc(show))
	t.Cleanup(app.Close)
	origin := strings.Replace(app.URL, "127.0.0.1", "localhost", 1)
	stateOf := func(client, origin, state string) string {
		sum := sha256.Sum256([]byte(client + " " + origin + " " + state + " salt"))
		return client + " " + base64.RawURLEncoding.EncodeToString(sum[:]) + ".salt"
	}
	tab := browser.New(t)
	ask := func(what, text, want string) {
		t.Helper()
		browser.Eval[any](tab, "ask("+quoted(text)+"), null")
		deadline := time.Now().Add(10 * time.Second)
		got := ""
		for got == "" && time.Now().Before(deadline) {
			got = browser.Eval[string](tab, `document.getElementById("answer").textContent`)
		}
		if got != at+" "+want {
			t.Errorf("%s: got %q, want %q from %s", what, got, want, at)
		}
	}
	tab.Goto(origin + "/")
	// A page that is no application's cannot ask whether somebody is signed in: whatever it guesses, with a state and without one the answer is the same.
	guesses := map[string]string{"empty": "", "null": "null", "undefined": "undefined"}
	for name, guess := range guesses {
		ask("no state, and a page that guesses "+name, stateOf("app", origin, guess), "changed")
	}
	ask("no state any more", stateOf("app", origin, state), "changed")
	tab.Goto(at + "/state")
	tab.Goto(origin + "/")
	for name, guess := range guesses {
		ask("signed in, and a page that guesses "+name, stateOf("app", origin, guess), "changed")
	}
	long := "https://app.example/" + strings.Repeat("client", 20) // several blocks of the hash
	ask("signed in", stateOf("app", origin, state), "unchanged")
	ask("a long client id", stateOf(long, origin, state), "unchanged")
	ask("another client's", strings.Replace(stateOf("app", origin, state), "app", "other", 1), "changed")
	ask("another origin's", stateOf("app", "https://app.example", state), "changed")
	ask("another session's", stateOf("app", origin, "k1.other"), "changed")
	tab.Goto(at + "/emptied")
	tab.Goto(origin + "/")
	ask("an empty state", stateOf("app", origin, ""), "changed")
	tab.Goto(at + "/state")
	tab.Goto(origin + "/")
	browser.Eval[any](tab, "askBeside("+quoted(stateOf("app", origin, state))+"), null")
	deadline, got := time.Now().Add(10*time.Second), ""
	for got == "" && time.Now().Before(deadline) {
		got = browser.Eval[string](tab, `document.getElementById("answer").textContent`)
	}
	if got != at+" unchanged" {
		t.Errorf("from the frame beside it: got %q, want unchanged", got)
	}
	for _, bad := range []string{"", "app", "app x", "app " + strings.Repeat("a", 43), stateOf("app", origin, state) + "!", strings.Repeat("a", 5000)} {
		ask("malformed "+bad[:min(len(bad), 10)], bad, "error")
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
