package client

import (
	"testing"
	"time"

	"idp/internal/idp"
)

// A digest is enough to compare with. Only what a client signs with its secret needs the secret itself, sealed to the client and the secret's id.
func TestSecrets_AreReadableOnlyWhereTheClientSigns(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	if c, _, err := s.Create(ctx, web("web"), SecretOptions{Generate: true}); err != nil || c.Secrets[0].Sealed != "" {
		t.Fatalf("a client that sends its secret: got %+v, %v, want a digest alone", c.Secrets, err)
	}
	signing := web("signing")
	signing.AuthMethods = []string{idp.AuthClientSecretJWT, idp.AuthClientSecretBasic}
	c, text, err := s.Create(ctx, signing, SecretOptions{Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Keyring.Open(c.Secrets[0].Sealed, SecretBinding("signing", c.Secrets[0].ID)); err != nil || string(got) != text {
		t.Errorf("got %v, want the secret to open where it belongs", err)
	}
	if _, err := s.Keyring.Open(c.Secrets[0].Sealed, SecretBinding("web", c.Secrets[0].ID)); err == nil {
		t.Error("the secret opens for another client")
	}
	next, err := s.RotateSecret(ctx, "signing", 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err = s.Get(ctx, "signing")
	if err != nil {
		t.Fatal(err)
	}
	last := c.Secrets[len(c.Secrets)-1]
	if got, err := s.Keyring.Open(last.Sealed, SecretBinding("signing", last.ID)); err != nil || string(got) != next {
		t.Errorf("a new secret: got %v, want it readable too", err)
	}
	methods := func(id string, list ...string) *idp.Client {
		t.Helper()
		c, err := s.Update(ctx, id, func(c *idp.Client) error { c.AuthMethods = list; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, kept := range methods("signing", idp.AuthClientSecretBasic).Secrets {
		if kept.Sealed != "" {
			t.Error("the client signs no more, and its secret is still readable")
		}
	}
	findings := explain(methods("web", idp.AuthClientSecretJWT), time.Now())
	found := false
	for _, f := range findings {
		found = found || f.Check == "secret_not_readable"
	}
	if !found {
		t.Errorf("got findings %v, want one that the secret is not readable", findings)
	}
	keyed, err := s.Update(ctx, "web", func(c *idp.Client) error {
		c.AuthMethods, c.JWKSURI = []string{idp.AuthPrivateKeyJWT}, "https://web.example/jwks.json"
		return nil
	})
	if err != nil || len(keyed.Secrets) != 0 {
		t.Errorf("a client with keys: got %+v, %v, want no secret", keyed, err)
	}
}
