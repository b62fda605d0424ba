package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"idp/internal/idp"
)

// sectorServer serves sector documents and counts how often they are read.
func sectorServer(t *testing.T) (url string, reads *atomic.Int32) {
	t.Helper()
	reads = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads.Add(1)
		switch r.URL.Path {
		case "/good":
			_, _ = w.Write([]byte(`["https://app.example/callback","https://other.example/cb"]`))
		case "/lacks":
			_, _ = w.Write([]byte(`["https://other.example/cb"]`))
		case "/object":
			_, _ = w.Write([]byte(`{"redirect_uris":["https://app.example/callback"]}`))
		case "/numbers":
			_, _ = w.Write([]byte(`[1,2]`))
		case "/long":
			_, _ = w.Write([]byte(`["https://app.example/callback"` + strings.Repeat(`,"x"`, 20_000) + `]`))
		case "/elsewhere":
			http.Redirect(w, r, "http://192.0.2.1/good", http.StatusFound)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, reads
}

// OpenID Connect Core §8.1: nobody joins a sector whose owner does not name their addresses.
func TestCreate_SectorDocumentMustListTheRedirectURIs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	url, reads := sectorServer(t)
	for path, want := range map[string]string{
		"/good": "", "/lacks": "does not list", "/object": "no JSON list", "/numbers": "no JSON list", "/long": "cannot be read", "/elsewhere": "is not read", "/missing": "was 404",
	} {
		c := web(strings.Trim(path, "/"))
		c.ClientSubject = idp.ClientSubject{SubjectType: idp.SubjectPairwise, SectorIdentifierURI: url + path}
		_, _, err := s.Create(t.Context(), c, SecretOptions{Generate: true})
		if want == "" && err != nil || want != "" && (idp.KindOf(err) != idp.Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	c := web("private")
	c.ClientSubject = idp.ClientSubject{SubjectType: idp.SubjectPairwise, SectorIdentifierURI: "https://10.0.0.1/sector.json"}
	if _, _, err := s.Create(t.Context(), c, SecretOptions{Generate: true}); idp.KindOf(err) != idp.Invalid || !strings.Contains(err.Error(), "outbound.allow") {
		t.Errorf("a private address: got %v, want the setting named", err)
	}

	// A failure is remembered for a moment: whoever registers clients could have us call a host again and again.
	failed := reads.Load()
	for i := range 5 {
		c := web(fmt.Sprint("missing", i))
		c.ClientSubject = idp.ClientSubject{SubjectType: idp.SubjectPairwise, SectorIdentifierURI: url + "/missing"}
		if _, _, err := s.Create(t.Context(), c, SecretOptions{Generate: true}); idp.KindOf(err) != idp.Invalid || reads.Load() != failed {
			t.Errorf("one that failed just now: got %v and %d more reads, want none", err, reads.Load()-failed)
		}
	}

	// It is read again when something that it must hold is new, and only then.
	before := reads.Load()
	if _, err := s.Update(t.Context(), "good", func(c *idp.Client) error { c.Name = "Other"; return nil }); err != nil || reads.Load() != before {
		t.Errorf("another name: got %v and %d reads, want none", err, reads.Load()-before)
	}
	if _, err := s.Update(t.Context(), "good", func(c *idp.Client) error {
		c.RedirectURIs = append(c.RedirectURIs, "https://evil.example/cb")
		return nil
	}); idp.KindOf(err) != idp.Invalid {
		t.Errorf("an address that it does not list: got %v, want invalid", err)
	}
	if _, err := s.Update(t.Context(), "good", func(c *idp.Client) error {
		c.RedirectURIs = append(c.RedirectURIs, "https://other.example/cb")
		return nil
	}); err != nil {
		t.Errorf("an address that it lists: got %v", err)
	}
}

func TestApply_ReadsSectorDocumentsBeforeItWrites(t *testing.T) {
	t.Parallel()
	s := newService(t)
	url, reads := sectorServer(t)
	document := func(path string) Document {
		doc := Document{Registration: FromClient(web("a")), Digests: []string{s.Keyring.KeyedDigest(idp.SecretPurpose, randomSecret)}, File: "a.yaml", Line: 3}
		doc.Contract = ContractPatch{}
		doc.ClientSubject = idp.ClientSubject{SubjectType: idp.SubjectPairwise, SectorIdentifierURI: url + path}
		return doc
	}
	if _, err := s.Apply(t.Context(), []Document{document("/lacks")}, ApplyOptions{}); idp.KindOf(err) != idp.Invalid || !strings.Contains(err.Error(), "a.yaml:3: ") {
		t.Errorf("got %v, want the file and line of the fault", err)
	}
	for range 2 {
		if _, err := s.Apply(t.Context(), []Document{document("/good")}, ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := reads.Load(); got != 2 {
		t.Errorf("got %d reads, want one for each document that was new", got)
	}
}

// What a client needs of our keys is there before the client is.
func TestService_MakesKeysFirst(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var asked []string
	var fail error
	s.EnsureKeys = func(_ context.Context, algs ...string) error { asked = algs; return fail }
	c := web("a")
	c.UserInfoSignedAlg, c.RequestObjectEncryptionAlg = "PS256", idp.AlgECDHES
	if _, _, err := s.Create(t.Context(), c, SecretOptions{Generate: true}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"RS256", "ES256", "PS256", "ECDH-ES"}; !slices.Equal(asked, want) {
		t.Errorf("create: asked for keys of %v, want %v", asked, want)
	}
	if made, err := s.Get(t.Context(), "a"); err != nil || made.RequestObjectEncryptionEnc != idp.DefaultEncMethod {
		t.Errorf("got %+v, %v, want the default enc written out", made, err)
	}
	fail = errors.New("no entropy")
	if _, err := s.Update(t.Context(), "a", func(c *idp.Client) error { c.Contract.IDTokenAlg = "ES512"; return nil }); !errors.Is(err, fail) {
		t.Errorf("got %v, want the client left as it was", err)
	}
	if c, err := s.Get(t.Context(), "a"); err != nil || c.Contract.IDTokenAlg != "RS256" {
		t.Errorf("got %s, %v, want RS256 still", c.Contract.IDTokenAlg, err)
	}
}
