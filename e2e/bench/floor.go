package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// floorJSON is as long as a token answer.
var floorJSON = []byte(`{"access_token":"` + strings.Repeat("x", 480) + `","token_type":"Bearer","expires_in":600,"scope":"api.read"}`)

const (
	floorShort = 400     // about a UserInfo answer, or a redirect with its headers
	floorMost  = 1 << 20 // of a document
)

// floorDocument is an answer of n bytes.
func floorDocument(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }

// serveFloor is the bare net/http server: constant answers, for GET of as many bytes as the path says, and for POST the credentials and the form read. Nothing that uses net/http
// can be faster. It prints its address and serves until it is told to stop.
func serveFloor(ctx context.Context, out io.Writer) error {
	mux := http.NewServeMux()
	var documents sync.Map // path: bytes
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if known, ok := documents.Load(r.URL.Path); ok {
			answerFloor(w, known.([]byte))
			return
		}
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil || n < 2 || n > floorMost {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		documents.Store(r.URL.Path, floorDocument(n))
		answerFloor(w, floorDocument(n))
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		_, secret, ok := r.BasicAuth()
		if err := r.ParseForm(); err != nil || !ok || secret != clientSecret || r.PostForm.Get("grant_type") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answerFloor(w, floorJSON)
	})
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answerFloor(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the generator is gone if this fails
}

// floorGet and floorPost are the generator's side.
func floorGet(n int) operation {
	path, want := "/"+strconv.Itoa(n), floorDocument(n)
	return func(w *worker) error { return w.document(path, want) }
}

func floorPost(w *worker) error {
	if w.fixed == nil {
		w.fixed = w.site.post(nil, "/", basic("es256"), "grant_type=client_credentials&scope=api.read")
	}
	a, err := w.send(w.fixed)
	if err != nil {
		return err
	}
	if a.status != 200 || len(a.body) != len(floorJSON) {
		return wrong("floor", a)
	}
	return nil
}
