package interaction_test

import (
	"crypto/sha256"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/store/storetest"
)

func browser(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func newService(t *testing.T) *interaction.Service {
	t.Helper()
	return interaction.New(interaction.Config{Store: storetest.New(t), Issuer: "https://id.example/realm"})
}

func begin(t *testing.T, s *interaction.Service, name string) *idp.Interaction {
	t.Helper()
	i, err := s.Begin(t.Context(), interaction.Begin{
		Kind: idp.InteractionAuthorize, ClientID: "app", Params: "client_id=app&state=%20x", Browser: browser(name), TraceID: "t",
		Steps: idp.Steps{Reason: interaction.ReasonNoSession},
	})
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return i
}

// FL-4: the request waits at the server, and comes back as it was, with the time at which it arrived.
func TestInteraction_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	s := newService(t)
	i := begin(t, s, "a")
	got, err := s.Load(t.Context(), i.ID, browser("a"))
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if got.Params != i.Params || !got.CreatedAt.Equal(i.CreatedAt) || got.Kind != i.Kind || got.ClientID != "app" || got.TraceID != "t" || got.Steps.Reason != "no_session" {
		t.Errorf("got %+v, want %+v", got, i)
	}
	login := time.Now().UTC().Truncate(time.Microsecond)
	if err := s.Record(t.Context(), got, func(steps *idp.Steps) { steps.LoginAt = &login; steps.ConsentedScopes = []string{"openid"} }); err != nil {
		t.Fatalf("record: %v", err)
	}
	again, err := s.Load(t.Context(), i.ID, browser("a"))
	if err != nil {
		t.Fatalf("load again: %v", err)
	}
	if again.Steps.LoginAt == nil || !again.Steps.LoginAt.Equal(login) || again.Steps.Reason != "no_session" || len(got.Steps.ConsentedScopes) != 1 {
		t.Errorf("got steps %+v", again.Steps)
	}
}

func wantGone(t *testing.T, what string, err error) {
	t.Helper()
	var e *idp.Error
	if !errors.As(err, &e) || e.Kind != idp.Gone || e.Code == "" || !strings.HasSuffix(e.Message, ".") {
		t.Errorf("%s: got %v, want an error of kind Gone with a sentence", what, err)
	}
}

// SEC-5: whoever lures a browser to the attacker's interaction gets nothing.
func TestInteraction_BelongsToOneBrowser(t *testing.T) {
	t.Parallel()
	s := newService(t)
	i := begin(t, s, "a")
	for name, load := range map[string]struct {
		id      string
		browser []byte
	}{
		"another browser":     {i.ID, browser("b")},
		"no browser":          {i.ID, nil},
		"another id":          {idp.NewID(), browser("a")},
		"no id":               {"", browser("a")},
		"letters out of base": {strings.Repeat("z", 26), browser("a")},
		"zero bytes":          {strings.Repeat("\x00", 26), browser("a")},
		"not UTF-8":           {strings.Repeat("\xff", 26), browser("a")},
		"upper case":          {strings.ToUpper(i.ID), browser("a")},
		"a megabyte":          {strings.Repeat("a", 1<<20), browser("a")},
	} {
		_, err := s.Load(t.Context(), load.id, load.browser)
		wantGone(t, name, err)
	}
	if _, err := s.Load(t.Context(), i.ID, browser("a")); err != nil {
		t.Errorf("its own browser: %v", err)
	}
	if _, err := s.Begin(t.Context(), interaction.Begin{Kind: idp.InteractionAuthorize}); err == nil {
		t.Error("begin without a browser: got no error, want one")
	}
}

func TestInteraction_ExpiresAtItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		i := begin(t, s, "a")
		time.Sleep(10*time.Minute - time.Microsecond)
		if _, err := s.Load(t.Context(), i.ID, browser("a")); err != nil {
			t.Errorf("just before its limit: %v", err)
		}
		time.Sleep(time.Microsecond)
		_, err := s.Load(t.Context(), i.ID, browser("a"))
		wantGone(t, "at its limit", err)
		wantGone(t, "record at its limit", s.Record(t.Context(), i, func(*idp.Steps) {}))
	})
}

// SEC-23: one browser cannot make rows without end, and cannot drop another's.
func TestInteraction_BrowserHasSixteenAtMost(t *testing.T) {
	t.Parallel()
	s := newService(t)
	other := begin(t, s, "b")
	var all []*idp.Interaction
	for range 20 {
		all = append(all, begin(t, s, "a"))
	}
	for n, i := range all {
		_, err := s.Load(t.Context(), i.ID, browser("a"))
		if n < 4 {
			wantGone(t, "an old one", err)
		} else if err != nil {
			t.Errorf("number %d of 20: %v", n+1, err)
		}
	}
	if _, err := s.Load(t.Context(), other.ID, browser("b")); err != nil {
		t.Errorf("another browser's: %v", err)
	}
}

// SEC-23: one address cannot make rows without end by sending no cookie, or a new one each time.
func TestInteraction_StartsOfOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := storetest.New(t)
		s := interaction.New(interaction.Config{Store: db, Issuer: "https://id.example", Starts: 300})
		n := 0
		from := func(address string) error {
			n++
			_, err := s.Begin(idp.WithPeer(t.Context(), idp.Peer{Address: address}), interaction.Begin{
				Kind: idp.InteractionAuthorize, ClientID: "app", Browser: browser(strconv.Itoa(n)),
			})
			return err
		}
		for range 60 {
			if err := from("192.0.2.1"); err != nil {
				t.Fatalf("within the bound: %v", err)
			}
		}
		var e *idp.Error
		if err := from("192.0.2.1"); !errors.As(err, &e) || e.Kind != idp.Throttled || e.RetryAfter != 200*time.Millisecond {
			t.Errorf("one more: got %v, want it throttled for 200ms", err)
		}
		if err := from("192.0.2.2"); err != nil {
			t.Errorf("a neighbour: %v", err)
		}
		time.Sleep(time.Second)
		for i := range 6 {
			if err := from("192.0.2.1"); (err == nil) != (i < 5) {
				t.Errorf("a second later, number %d: got %v, want five to get through", i, err)
			}
		}
	})
}

func TestInteraction_ParametersAreBounded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.Begin(t.Context(), interaction.Begin{Kind: idp.InteractionAuthorize, Browser: browser("a"), Params: strings.Repeat("a", 16<<10+1)})
	if idp.KindOf(err) != idp.Invalid {
		t.Errorf("got %v, want an error of kind Invalid", err)
	}
}

// Two tabs finish the same interaction: one answer goes out.
func TestInteraction_IsConsumedOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	i := begin(t, s, "a")
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := s.Consume(t.Context(), i.ID); {
			case err == nil:
				won.Add(1)
			case idp.KindOf(err) != idp.Gone:
				t.Errorf("loser: got %v, want an error of kind Gone", err)
			}
		})
	}
	wg.Wait()
	if got := won.Load(); got != 1 {
		t.Errorf("got %d winners, want 1", got)
	}
	wantGone(t, "record after the end", s.Record(t.Context(), i, func(steps *idp.Steps) { steps.Denied = true }))
	if i.Steps.Denied {
		t.Error("a step that was not recorded is in the interaction")
	}
}

func TestInteraction_AddressesKeepTheIssuersPath(t *testing.T) {
	t.Parallel()
	s := interaction.New(interaction.Config{Issuer: "https://id.example/realm"})
	for step, want := range map[interaction.Step]string{
		interaction.Login:         "https://id.example/realm/login?i=x%26y",
		interaction.SelectAccount: "https://id.example/realm/select?i=x%26y",
		interaction.Consent:       "https://id.example/realm/consent?i=x%26y",
		interaction.Done:          "https://id.example/realm/oauth2/authorize/resume?i=x%26y",
		interaction.Fail:          "https://id.example/realm/oauth2/authorize/resume?i=x%26y",
	} {
		got := s.PageURL(step, "x&y")
		if got != want {
			t.Errorf("%s: got %s, want %s", step, got, want)
		}
		if _, err := url.Parse(got); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
}
