package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"idp/internal/idp"
	"idp/internal/oauth"
	"idp/internal/store/sqldb"
)

// push sends a pushed authorization request and decodes the answer.
func (w *world) push(t testing.TB, form url.Values) (status int, trips int64, answer map[string]any) {
	t.Helper()
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth2/par", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", w.secret)
	rec := w.do(t, r)
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer %q: %v", rec.Body, err)
	}
	return rec.Code, n.Trips(), answer
}

// pushed returns a fresh request_uri for a good request.
func (w *world) pushed(t testing.TB, change ...func(url.Values)) string {
	t.Helper()
	form := goodParams()
	for _, c := range change {
		c(form)
	}
	status, _, answer := w.push(t, form)
	uri, _ := answer["request_uri"].(string)
	if status != http.StatusCreated || uri == "" {
		t.Fatalf("push: got %d %v", status, answer)
	}
	return uri
}

// use sends the browser with a request_uri.
func (w *world) use(t testing.TB, cookies []*http.Cookie, uri, clientID string) (trips int64, rec *httptest.ResponseRecorder) {
	t.Helper()
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, issuer+"/oauth2/authorize?"+url.Values{"client_id": {clientID}, "request_uri": {uri}}.Encode(), nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec = w.do(t, r)
	return n.Trips(), rec
}

// Pushing is one statement, and so is each half of using what was pushed.
func TestPAR_CostsFewRoundTrips(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies := w.signIn(t)
	w.pushed(t) // warms the client
	status, trips, answer := w.push(t, goodParams())
	if status != http.StatusCreated || trips != 1 {
		t.Fatalf("push: got %d %v in %d trips, want 201 in 1", status, answer, trips)
	}
	trips, rec := w.use(t, cookies, answer["request_uri"].(string), "app")
	if trips != 2 || !strings.Contains(rec.Header().Get("Location"), "code=") {
		t.Errorf("use: got %d %s in %d trips, want a code in 2", rec.Code, rec.Header().Get("Location"), trips)
	}
}

// RFC 9126 §2.3: nobody fills the table, neither an address that nothing vouches for nor a client. No statement is spent on it.
func TestPAR_IsBoundedByAddressAndByClient(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(c *oauth.Config) { c.PushesPerAddress, c.PushesPerClient = 10, 25 }) // two and five at once
	public := &idp.Client{ID: "spa", Name: "App", RedirectURIs: []string{callback}, AuthMethods: []string{idp.AuthNone}, Scopes: []string{"openid"}, CreatedAt: w.client.CreatedAt, UpdatedAt: w.client.CreatedAt}
	public.ApplyDefaults()
	must(t, w.store.CreateClient(t.Context(), public))
	push := func(address, id, secret string) (int, int64, http.Header) {
		form := url.Values{"response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid"}, "client_id": {id}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
		ctx, n := sqldb.WithCounter(idp.WithPeer(t.Context(), idp.Peer{Address: address}))
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth2/par", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if secret != "" {
			r.SetBasicAuth(id, secret)
		}
		rec := w.do(t, r)
		return rec.Code, n.Trips(), rec.Header()
	}
	push("198.51.100.1", "app", "wrong") // warms the client
	for i, want := range []int{401, 429, 429} {
		if code, trips, header := push("198.51.100.1", "app", "wrong"); code != want || trips != 0 || (want == 429) != (header.Get("Retry-After") == "6") {
			t.Errorf("guess %d: got %d in %d trips, Retry-After %q, want %d", i, code, trips, header.Get("Retry-After"), want)
		}
	}
	if code, _, _ := push("198.51.100.2", "app", "wrong"); code != http.StatusUnauthorized {
		t.Errorf("another address: got %d, want 401", code)
	}
	for i, want := range []int{201, 201, 201, 201, 201, 429} {
		if code, trips, _ := push("198.51.100.1", "app", w.secret); code != want || trips != map[int]int64{201: 1, 429: 0}[want] {
			t.Errorf("push %d: got %d in %d trips, want %d: its own bound, whatever others do at its address", i, code, trips, want)
		}
	}
	push("198.51.100.3", "spa", "")
	for i, want := range []int{201, 429} {
		if code, _, _ := push("198.51.100.3", "spa", ""); code != want {
			t.Errorf("without a secret, push %d: got %d, want %d", i, code, want)
		}
	}
	for i := range 20 {
		if code, _, _ := push(fmt.Sprint("198.51.100.", 100+i), "spa", ""); code != http.StatusCreated {
			t.Errorf("the client of others who push in its name, address %d: got %d, want 201", i, code)
		}
	}
}

// RFC 9126 §7.3: of ten thousand browsers at once that bring one request_uri, one gets a code.
func TestPAR_TenThousandAtOnceGetOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies, uri := w.signIn(t), w.pushed(t)
	const attempts, at = 10_000, 64
	var codes, others atomic.Int64
	var group sync.WaitGroup
	queue := make(chan struct{}, attempts)
	for range attempts {
		queue <- struct{}{}
	}
	close(queue)
	for range at {
		group.Go(func() {
			for range queue {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"/oauth2/authorize?"+url.Values{"client_id": {"app"}, "request_uri": {uri}}.Encode(), nil)
				for _, c := range cookies {
					r.AddCookie(c)
				}
				rec := httptest.NewRecorder()
				w.mux.ServeHTTP(rec, r)
				switch {
				case strings.Contains(rec.Header().Get("Location"), "code="):
					codes.Add(1)
				case rec.Code != http.StatusBadRequest:
					others.Add(1)
				}
			}
		})
	}
	group.Wait()
	if codes.Load() != 1 || others.Load() != 0 {
		t.Errorf("got %d codes and %d answers that are neither a code nor a refusal, want 1 and 0", codes.Load(), others.Load())
	}
}

// The request_uri is the row's name and a proof that we made it: nothing else is looked up.
func TestPAR_ForgedRequestURIsCostNoQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := w.pushed(t)
	for name, forged := range map[string]string{
		"another letter":   uri[:len(uri)-9] + strings.Map(func(r rune) rune { return 'A' + (r-'A'+1)%26 }, uri[len(uri)-9:len(uri)-8]) + uri[len(uri)-8:],
		"a code's prefix":  strings.Replace(uri, "idp_pr_", "idp_ac_", 1),
		"of another ring":  newWorld(t).pushed(t),
		"nothing behind":   "urn:ietf:params:oauth:request_uri:",
		"an id alone":      "urn:ietf:params:oauth:request_uri:" + idp.NewID(),
		"more than enough": uri + strings.Repeat("x", 1000),
	} {
		if trips, rec := w.use(t, nil, forged, "app"); trips != 0 || rec.Code != http.StatusBadRequest || w.lastPage.Code != "invalid_request_uri" {
			t.Errorf("%s: got %d %s in %d trips, want a page with invalid_request_uri in none", name, rec.Code, w.lastPage.Code, trips)
		}
	}
}

// A client that may no longer do what it pushed is refused although it was allowed when it pushed.
func TestPAR_ChecksAgainAtTheAuthorizationEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := w.pushed(t, func(v url.Values) { v.Set("scope", "openid api") })
	changed := *w.client
	changed.Scopes = []string{"openid"}
	changed.UpdatedAt = changed.UpdatedAt.Add(1e9)
	must(t, w.store.UpdateClient(t.Context(), &changed, w.client.UpdatedAt))
	w.Clients.Forget()
	if _, rec := w.use(t, w.signIn(t), uri, "app"); !strings.Contains(rec.Header().Get("Location"), "error=invalid_scope") {
		t.Errorf("got %d %s, want invalid_scope", rec.Code, rec.Header().Get("Location"))
	}
}

// A request that needs a person's refusal, or asked for silence in vain, is answered, and so it is dead.
func TestPAR_AnErrorIsAnAnswerToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := w.pushed(t) // prompt=none, and nobody is signed in
	if _, rec := w.use(t, nil, uri, "app"); !strings.Contains(rec.Header().Get("Location"), "error=login_required") {
		t.Fatalf("got %d %s, want login_required", rec.Code, rec.Header().Get("Location"))
	}
	if _, rec := w.use(t, w.signIn(t), uri, "app"); rec.Code != http.StatusBadRequest || w.lastPage.Code != "invalid_request_uri" {
		t.Errorf("again: got %d %s, want invalid_request_uri", rec.Code, w.lastPage.Code)
	}
}

// Nothing that is pushed is kept but what is read later; least of all the client's credentials (D6).
func TestPAR_KeepsNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := goodParams()
	form.Set("client_secret", w.secret)
	form.Set("unknown", "x")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/oauth2/par", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if rec := w.do(t, r); rec.Code != http.StatusCreated {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	var params string
	must(t, w.store.Engine().QueryRow(t.Context(), `SELECT params FROM pushed_requests`).Scan(&params))
	kept, err := url.ParseQuery(params)
	must(t, err)
	want := goodParams()
	for name := range kept {
		if !want.Has(name) {
			t.Errorf("kept %s=%q", name, kept.Get(name))
		}
	}
	if kept.Get("scope") == "" || kept.Get("redirect_uri") != callback {
		t.Errorf("kept %v, want the request", kept)
	}
}
