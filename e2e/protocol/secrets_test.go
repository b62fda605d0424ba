package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// secretBook remembers every secret that went over the wire, and what it was.
type secretBook struct {
	mu   sync.Mutex
	seen map[string]string
}

func newSecretBook() *secretBook { return &secretBook{seen: map[string]string{}} }

// add records a secret. Short ones are left out: they would be found anywhere.
func (b *secretBook) add(kind, value string) {
	if len(value) < 12 || slices.Contains(oddValues, value) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[value] = kind
}

// all returns a copy of what was recorded.
func (b *secretBook) all() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	copied := make(map[string]string, len(b.seen))
	for value, kind := range b.seen {
		copied[value] = kind
	}
	return copied
}

// search returns what of the book is in text, described without showing it. It reads text once, however thick the book is: secrets are told apart by
// how they begin.
func (b *secretBook) search(text string) []string {
	const begin = 12 // no secret of the book is shorter
	book := b.all()
	type form struct{ text, value string }
	byBegin := map[string][]form{} // as written, and as it would look in a query string
	var common [1 << 16]bool       // most places of the text are dismissed without a look into the map
	slot := func(s string) uint16 { return uint16(s[0])<<8 ^ uint16(s[1])<<5 ^ uint16(s[2])<<3 ^ uint16(s[3]) }
	for value := range book {
		for _, text := range slices.Compact([]string{value, url.QueryEscape(value)}) {
			byBegin[text[:begin]] = append(byBegin[text[:begin]], form{text, value})
			common[slot(text)] = true
		}
	}
	var found []string
	for at := 0; at+begin <= len(text) && len(found) < 20; at++ {
		if !common[slot(text[at:])] {
			continue
		}
		for _, secret := range byBegin[text[at:at+begin]] {
			kind, known := book[secret.value]
			if !known || !strings.HasPrefix(text[at:], secret.text) {
				continue
			}
			delete(book, secret.value) // each is told once
			line := text[strings.LastIndexByte(text[:at], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			found = append(found, fmt.Sprintf("a %s, in: %.300s", kind, strings.ReplaceAll(line, secret.text, "‹"+kind+"›")))
		}
	}
	return found
}

// recorder is a transport that writes down every secret it carries.
type recorder struct {
	base http.RoundTripper
	book *secretBook
}

// RoundTrip sends the request.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.request(req)
	res, err := r.base.RoundTrip(req)
	if err == nil {
		r.response(res)
	}
	return res, err
}

func (r *recorder) request(req *http.Request) {
	if user, secret, ok := req.BasicAuth(); ok {
		r.book.add("client secret of "+user, secret)
	}
	if scheme, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		r.book.add("bearer token", token)
	}
	if req.GetBody == nil || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || req.ContentLength > 1<<16 {
		return
	}
	body, err := req.GetBody()
	if err != nil {
		return
	}
	text, _ := io.ReadAll(body) // a reader of memory does not fail
	form, _ := url.ParseQuery(string(text))
	for _, name := range []string{"password", "password_again", "client_secret", "code", "refresh_token", "access_token", "token", "code_verifier"} {
		for _, value := range form[name] {
			r.book.add(name+" that was sent", value)
		}
	}
}

func (r *recorder) response(res *http.Response) {
	for _, cookie := range res.Cookies() {
		r.book.add("cookie "+cookie.Name, cookie.Value)
	}
	if to, err := res.Location(); err == nil {
		answer := to.Query()
		if fragment, err := url.ParseQuery(to.Fragment); err == nil {
			maps.Copy(answer, fragment)
		}
		for _, name := range []string{"code", "access_token", "id_token", "response"} {
			r.book.add(name+" of an authorization response", answer.Get(name))
		}
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		return
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(text))
	var members struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if err != nil || json.Unmarshal(text, &members) != nil {
		return
	}
	r.book.add("access token", members.Access)
	r.book.add("refresh token", members.Refresh)
	r.book.add("ID token", members.ID)
}
