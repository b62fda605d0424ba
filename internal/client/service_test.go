package client

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
)

func TestClient_LifeLeavesOneAuditRowEach(t *testing.T) { // FS-29
	t.Parallel()
	s, ctx := newService(t), t.Context()
	made, text, err := s.Create(ctx, web(""), SecretOptions{Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	// RP-3: libraries send both raw.
	if plain := regexp.MustCompile(`^[A-Za-z0-9_-]{26,64}$`); !plain.MatchString(made.ID) || !plain.MatchString(text) {
		t.Errorf("generated id %q or secret of %d letters: want A-Z a-z 0-9 - _ only", made.ID, len(text))
	}
	stored, err := s.Get(ctx, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if stored.Contract != idp.DefaultContract() || len(stored.Secrets) != 1 || strings.Contains(stored.Secrets[0].Digest, text) {
		t.Errorf("stored: got %+v, want the contract written out and one digest", stored)
	}
	if !s.Keyring.VerifyDigest(idp.SecretPurpose, stored.Secrets[0].Digest, text) {
		t.Error("the stored digest is not that of the secret")
	}
	if _, err := s.Update(ctx, made.ID, func(c *idp.Client) error { c.Name = "Renamed"; return nil }); err != nil {
		t.Fatal(err)
	}
	unchanged, err := s.Update(ctx, made.ID, func(c *idp.Client) error { c.Name = "Renamed"; return nil })
	if err != nil || unchanged.Name != "Renamed" {
		t.Fatalf("update without a change: got %+v, %v", unchanged, err)
	}
	if _, err := s.RotateSecret(ctx, made.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	id := " " + made.ID
	want := []string{"client.created" + id, "client.updated" + id, "client.secret_rotated" + id, "client.deleted" + id}
	if got := events(t, s); !slices.Equal(got, want) {
		t.Errorf("audit: got %v, want %v", got, want)
	}
	for _, op := range []error{
		s.Delete(ctx, made.ID),
		second(s.Update(ctx, made.ID, func(*idp.Client) error { return nil })),
		second(s.RotateSecret(ctx, made.ID, 0)),
	} {
		if idp.KindOf(op) != idp.NotFound || code(op) != "client_not_found" {
			t.Errorf("on a client that is gone: got %v, want client_not_found", op)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCreate_RefusesWhatCannotBeAClient(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	if _, _, err := s.Create(ctx, web("taken"), SecretOptions{Generate: true}); err != nil {
		t.Fatal(err)
	}
	before := len(events(t, s))
	public := web("public")
	public.AuthMethods = []string{idp.AuthNone}
	for name, tc := range map[string]struct {
		c    *idp.Client
		o    SecretOptions
		kind idp.Kind
	}{
		"id taken":               {web("taken"), SecretOptions{Generate: true}, idp.Conflict},
		"no secret":              {web("a"), SecretOptions{}, idp.Invalid},
		"both ways":              {web("b"), SecretOptions{Generate: true, Bring: randomSecret}, idp.Invalid},
		"weak secret":            {web("c"), SecretOptions{Bring: "correcthorsebatterystaplecorrecthorse"}, idp.Invalid},
		"public brings a secret": {public, SecretOptions{Bring: randomSecret}, idp.Invalid},
		"bad redirect":           {&idp.Client{ID: "d", RedirectURIs: []string{"//evil.example"}}, SecretOptions{Generate: true}, idp.Invalid},
	} {
		_, text, err := s.Create(ctx, tc.c, tc.o)
		if got := idp.KindOf(err); err == nil || got != tc.kind || text != "" {
			t.Errorf("%s: got kind %v, secret %q, %v; want kind %v and no secret", name, got, text, err, tc.kind)
		}
	}
	if got := len(events(t, s)); got != before {
		t.Errorf("audit events: got %d after refusals, want %d", got, before)
	}
	brought, text, err := s.Create(ctx, web("brought"), SecretOptions{Bring: randomSecret})
	if err != nil || text != "" || len(brought.Secrets) != 1 {
		t.Errorf("brought secret: got %q and %v, want it kept as digest and not told", text, err)
	}
	if p, text, err := s.Create(ctx, public, SecretOptions{Generate: true}); err != nil || text != "" || !p.RequirePKCE {
		t.Errorf("public client: got secret %q, %v, want none, and PKCE", text, err)
	}
}

func TestUpdate_KeepsWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	made, _, err := s.Create(ctx, web("app"), SecretOptions{Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Update(ctx, "app", func(c *idp.Client) error {
		c.ID, c.Secrets, c.CreatedAt = "other", nil, time.Time{}
		c.RedirectURIs[0] = "https://app.example/two"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != "app" || len(got.Secrets) != 1 || !got.CreatedAt.Equal(made.CreatedAt) || !got.UpdatedAt.After(made.UpdatedAt) {
		t.Errorf("got %+v, want id, secrets and creation kept and a later time of change", got)
	}
	if made.RedirectURIs[0] != "https://app.example/callback" {
		t.Error("the change reached a client that somebody else holds")
	}
	stop := errors.New("stop")
	for name, err := range map[string]error{
		"guard":   second(s.Update(ctx, "app", func(c *idp.Client) error { c.Name = "x"; return nil }, func(*idp.Client) error { return stop })),
		"change":  second(s.Update(ctx, "app", func(*idp.Client) error { return stop })),
		"delete":  s.Delete(ctx, "app", func(*idp.Client) error { return stop }),
		"rotate":  second(s.RotateSecret(ctx, "app", 0, func(*idp.Client) error { return stop })),
		"managed": NotManaged(&idp.Client{ManagedBy: "files"}),
	} {
		if name != "managed" && !errors.Is(err, stop) {
			t.Errorf("%s: got %v, want the guard's error", name, err)
		}
		if name == "managed" && code(err) != "managed_by_file" {
			t.Errorf("managed: got %v, want managed_by_file", err)
		}
	}
	public, err := s.Update(ctx, "app", func(c *idp.Client) error { c.AuthMethods = []string{idp.AuthNone}; return nil })
	if err != nil || len(public.Secrets) != 0 || !public.RequirePKCE {
		t.Errorf("made public: got %+v, %v, want no secret, and PKCE", public, err)
	}
	if _, err := s.RotateSecret(ctx, "app", 0); code(err) != "public_client" {
		t.Errorf("rotate a public client's secret: got %v, want public_client", err)
	}
}

func TestRotateSecret_OldOneEndsAfterTheOverlap(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	if _, _, err := s.Create(ctx, web("app"), SecretOptions{Generate: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RotateSecret(ctx, "app", time.Hour); err != nil {
		t.Fatal(err)
	}
	c, err := s.Get(ctx, "app")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Secrets) != 2 || c.Secrets[0].ExpiresAt == nil || c.Secrets[1].ExpiresAt != nil {
		t.Fatalf("after a change with an overlap: got %+v, want the old one to end and the new one to stay", c.Secrets)
	}
	first := *c.Secrets[0].ExpiresAt
	if _, err := s.RotateSecret(ctx, "app", 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if c, err = s.Get(ctx, "app"); err != nil || len(c.Secrets) != 3 || !c.Secrets[0].ExpiresAt.Equal(first) {
		t.Errorf("second change: got %+v, %v, want the oldest to end no later than before", c, err)
	}
	text, err := s.RotateSecret(ctx, "app", 0)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Get(ctx, "app"); err != nil || len(c.Secrets) != 1 || !s.Keyring.VerifyDigest(idp.SecretPurpose, c.Secrets[0].Digest, text) {
		t.Errorf("change without overlap: got %+v, %v, want the new one alone", c, err)
	}
	for range maxRotations {
		_, err = s.RotateSecret(ctx, "app", time.Hour)
	}
	if idp.KindOf(err) != idp.Invalid {
		t.Errorf("sixth secret at once: got %v, want Invalid", err)
	}
	if _, err := s.RotateSecret(ctx, "app", -time.Second); idp.KindOf(err) != idp.Invalid {
		t.Errorf("negative overlap: got %v, want Invalid", err)
	}
}

const maxRotations = 5
