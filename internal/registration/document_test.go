package registration

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/outbound"
	"idp/internal/secret"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
	"idp/internal/throttle"
)

// library is a host of one document, what reads it, and a clock that a test puts forward.
type library struct {
	*Documents
	id    string
	hits  atomic.Int32
	ahead atomic.Int64

	mu     sync.Mutex
	status int
	doc    map[string]any
}

func newLibrary(t *testing.T, trust Trust) *library {
	t.Helper()
	l := &library{status: http.StatusOK}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		l.hits.Add(1)
		l.mu.Lock()
		defer l.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=86400")
		w.WriteHeader(l.status)
		_ = json.NewEncoder(w).Encode(l.doc)
	}))
	t.Cleanup(server.Close)
	l.id = server.URL + "/client.json"
	l.doc = map[string]any{"client_id": l.id, "client_name": "Agent", "redirect_uris": []string{server.URL + "/cb"}}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := outbound.New(outbound.Config{Allow: []string{"127.0.0.0/8"}, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.New(t)
	known := func(ctx context.Context, id string) (*idp.Client, error) {
		c, err := s.Client(ctx, id)
		if err == nil && (c.Disabled || c.Pending) {
			err = idp.ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	config := DocumentsConfig{
		Store: s, Audit: audit.New(audit.Config{Store: s, Logger: quiet}), Throttle: throttle.New(throttle.Config{Store: s, Keyring: ring, Logger: quiet}),
		Outbound: out, Logger: quiet, Known: known, Forget: func(...string) {}, Trust: trust, Scopes: []string{"openid"}, Most: 10, PerHour: 10,
		Outside: func(context.Context, *idp.Client, *idp.Client) error { return nil },
		Now:     func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) },
	}
	l.Documents = NewDocuments(config)
	return l
}

func (l *library) later(by time.Duration) { l.ahead.Add(int64(by)) }

func (l *library) answer(status int, member string, value any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
	if member != "" {
		l.doc[member] = value
	}
}

func (l *library) name(t *testing.T) string {
	t.Helper()
	c, err := l.Client(t.Context(), l.id)
	if err != nil {
		return err.Error()
	}
	return c.Name
}

func TestDocument_CountsAsLongAsItsHostSaysAndIsReadAheadOfThat(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	if got := l.name(t); got != "Agent" || l.hits.Load() != 1 {
		t.Fatalf("got %q after %d reads", got, l.hits.Load())
	}
	l.answer(http.StatusOK, "client_name", "Other")
	l.later(11 * time.Hour)
	if got := l.name(t); got != "Agent" || l.hits.Load() != 1 {
		t.Errorf("fresh: got %q after %d reads, want what was read", got, l.hits.Load())
	}
	l.later(14 * time.Hour)
	if got := l.name(t); got != "Other" || l.hits.Load() != 2 {
		t.Errorf("too old: got %q after %d reads, want it read again", got, l.hits.Load())
	}
}

func TestDocument_OneThatWasWithdrawnEndsItsClient(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	l.name(t)
	l.answer(http.StatusNotFound, "", nil)
	l.later(mostFresh)
	for range 3 {
		if _, err := l.Returning(t.Context(), l.id); idp.KindOf(err) != idp.Invalid {
			t.Errorf("got %v, want it refused", err)
		}
	}
	if l.hits.Load() != 2 {
		t.Errorf("got %d reads, want the refusal remembered for a moment", l.hits.Load())
	}
	l.answer(http.StatusOK, "", nil)
	l.later(refusedFor)
	if got := l.name(t); got != "Agent" {
		t.Errorf("back again: got %q", got)
	}
}

// Whoever judges an access token asks memory alone, and waits for nobody.
func TestDocument_AnAccessTokenEndsWithItToo(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	l.name(t)
	ctx, counter := sqldb.WithCounter(t.Context())
	if l.Withdrawn(ctx, l.id) || l.hits.Load() != 1 || counter.Trips() != 0 {
		t.Errorf("fresh: got withdrawn, or %d reads and %d trips more", l.hits.Load()-1, counter.Trips())
	}
	learned := func(status int, want bool) {
		t.Helper()
		l.answer(status, "", nil)
		for end := time.Now().Add(10 * time.Second); l.Withdrawn(t.Context(), l.id) != want; <-time.After(time.Millisecond) {
			l.later(refusedFor) // a read that was under way may have been refused at this moment
			if time.Now().After(end) {
				t.Fatalf("status %d: withdrawn is not %t", status, want)
			}
		}
	}
	l.later(mostFresh)
	learned(http.StatusNotFound, true)
	l.later(refusedFor)
	n := l.hits.Load()
	if !l.Withdrawn(t.Context(), l.id) {
		t.Error("while it is read again it is there")
	}
	for l.hits.Load() == n {
		<-time.After(time.Millisecond)
	}
	l.later(refusedFor)
	learned(http.StatusOK, false)
	l.later(mostFresh)
	l.answer(http.StatusBadGateway, "", nil)
	for range 20 { // a host that does not answer says nothing
		if l.Withdrawn(t.Context(), l.id) {
			t.Fatal("a host that is away has withdrawn it")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// A key that was taken out of a document works no longer than an hour, or two while nobody answers, whatever Cache-Control says.
func TestDocument_KeysAreReadAgainWithinTheHour(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	_, first := newKey(t)
	_, second := newKey(t)
	l.answer(http.StatusOK, "token_endpoint_auth_method", "private_key_jwt")
	l.answer(http.StatusOK, "jwks", first.JWKS)
	has := func(want idp.ClientKeys) bool {
		c, err := l.Returning(t.Context(), l.id)
		if err != nil {
			return false
		}
		var a, b any
		if json.Unmarshal(c.JWKS, &a) != nil || json.Unmarshal(want.JWKS, &b) != nil {
			t.Fatal("no JSON")
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		return string(x) == string(y)
	}
	if l.name(t); !has(first) {
		t.Fatal("the first key does not count")
	}
	l.answer(http.StatusOK, "jwks", second.JWKS)
	l.later(keysFresh)
	if has(first) || !has(second) {
		t.Error("after an hour the key that was taken out still counts")
	}
	l.answer(http.StatusBadGateway, "", nil)
	l.later(keysFresh)
	if !has(second) {
		t.Error("while its host does not answer the document counts no more at all")
	}
	l.later(keysStale - keysFresh - time.Minute)
	if !has(second) {
		t.Error("within its time the document of a host that does not answer counts no more")
	}
	l.later(time.Minute)
	if _, err := l.Returning(t.Context(), l.id); idp.KindOf(err) != idp.Unavailable {
		t.Errorf("after two hours: got %v, want it refused for now", err)
	}
}

func TestDocument_AReplicaThatHasJustStartedTakesTheRowWhileItsHostIsAway(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	l.name(t)
	l.answer(http.StatusServiceUnavailable, "", nil)
	l.Documents = NewDocuments(l.DocumentsConfig)
	if got := l.name(t); got != "Agent" {
		t.Errorf("got %q, want what the row says", got)
	}
	l.later(staleFor)
	if _, err := l.Client(t.Context(), l.id); idp.KindOf(err) != idp.Unavailable {
		t.Errorf("after a day: got %v, want it refused for now", err)
	}
}

func TestDocument_WhoComesBackBringsNoNewOnes(t *testing.T) { // the token endpoint calls no address that anybody names
	t.Parallel()
	l := newLibrary(t, TrustAll)
	if _, err := l.Returning(t.Context(), l.id); idp.KindOf(err) != idp.NotFound || l.hits.Load() != 0 {
		t.Errorf("got %v after %d reads, want an unknown client and none", err, l.hits.Load())
	}
}

func TestDocument_ManyWaitForOneRead(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustAll)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if c, err := l.Client(t.Context(), l.id); err != nil || c.Name != "Agent" {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
	all.Wait()
	if l.hits.Load() != 1 {
		t.Errorf("got %d reads, want 1", l.hits.Load())
	}
}

func TestDocument_ChangesAndDecisionsCountAtOnce(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, TrustApproval)
	for range 3 {
		if _, err := l.Client(t.Context(), l.id); idp.KindOf(err) != idp.Forbidden {
			t.Errorf("got %v, want it to wait for approval", err)
		}
	}
	c, err := l.Store.Client(t.Context(), l.id)
	if err != nil {
		t.Fatal(err)
	}
	was := c.UpdatedAt
	c.Pending, c.ManagedBy, c.UpdatedAt = false, idp.ManagedByDocumentApproved, later(was)
	if err := l.Store.UpdateClient(t.Context(), c, was); err != nil {
		t.Fatal(err)
	}
	if got := l.name(t); got != "Agent" || l.hits.Load() != 1 {
		t.Errorf("approved: got %q after %d reads", got, l.hits.Load())
	}
	if err := l.Store.DeleteClient(t.Context(), l.id, now()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Client(t.Context(), l.id); idp.KindOf(err) != idp.Forbidden || l.hits.Load() != 2 {
		t.Errorf("deleted: got %v after %d reads, want it to begin anew", err, l.hits.Load())
	}
}
