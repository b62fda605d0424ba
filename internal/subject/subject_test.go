package subject_test

import (
	"strings"
	"sync"
	"testing"

	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/store/storetest"
	"idp/internal/subject"
)

func pairwise(uri string) *idp.Client {
	return &idp.Client{RedirectURIs: []string{uri}, ClientSubject: idp.ClientSubject{SubjectType: idp.SubjectPairwise}}
}

func TestNames_PublicIsTheAccountsID(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := subject.New(t.Context(), storetest.New(t), ring)
	if err != nil {
		t.Fatal(err)
	}
	c := &idp.Client{RedirectURIs: []string{"https://a.example/cb"}}
	if got := n.Of(c, "ann"); got != "ann" || !n.Is(c, "ann", "ann") || n.SessionOf(c, "s") != "s" {
		t.Errorf("got %q, want the id", got)
	}
}

// OpenID Connect Core §8.1: one name for a sector, and another at every other; nothing of the account in it.
func TestNames_PairwiseIsOneForASector(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := subject.New(t.Context(), storetest.New(t), ring)
	if err != nil {
		t.Fatal(err)
	}
	a, a2, b := pairwise("https://a.example/cb"), pairwise("https://A.example:8443/other"), pairwise("https://b.example/cb")
	document := pairwise("https://elsewhere.example/cb")
	document.SectorIdentifierURI = "https://b.example/sector.json"
	ann := n.Of(a, "ann")
	if ann == "ann" || len(ann) != 43 || strings.Contains(ann, "ann") {
		t.Errorf("got %q, want a digest", ann)
	}
	if n.Of(a2, "ann") != ann || !n.Is(a2, ann, "ann") {
		t.Error("two clients of one host call one person by two names")
	}
	if n.Of(b, "ann") == ann || n.Of(a, "bob") == ann || n.Is(b, ann, "ann") || n.Is(a, "", "ann") {
		t.Error("a name is known at another sector, or is another person's")
	}
	if n.Of(b, "ann") != n.Of(document, "ann") {
		t.Error("the host of sector_identifier_uri is not the sector")
	}
	if n.SessionOf(a, "s") == "s" || n.SessionOf(a, "s") == n.SessionOf(b, "s") || n.SessionOf(a, "") != "" || n.SessionOf(a, "ann") == ann {
		t.Error("the sid connects what the sub keeps apart")
	}
}

// Whatever happens to the key ring and however many replicas start, nobody is called by another name than before.
func TestNames_StayTheSameWhateverIsRotated(t *testing.T) {
	t.Parallel()
	s, first := storetest.New(t), secret.GenerateKey()
	ring, err := secret.NewKeyring(first)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 4)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			n, err := subject.New(t.Context(), s, ring)
			if err != nil {
				t.Error(err)
				return
			}
			names[i] = n.Of(pairwise("https://a.example/cb"), "ann")
		})
	}
	wg.Wait()
	for _, got := range names[1:] {
		if got != names[0] {
			t.Fatalf("replicas that start together: got %v, want one name", names)
		}
	}
	second := secret.GenerateKey()
	rotated, err := secret.NewKeyring(second, first)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, ring *secret.Keyring) {
		t.Helper()
		n, err := subject.New(t.Context(), s, ring)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got := n.Of(pairwise("https://a.example/cb"), "ann"); got != names[0] {
			t.Errorf("%s: got %q, want %q", when, got, names[0])
		}
	}
	check("a rotated ring", rotated)
	list, err := s.ServerSecrets(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("got %d secrets, %v, want one", len(list), err)
	}
	plain, err := rotated.Open(list[0].Sealed, subject.Binding(list[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := rotated.Seal(plain, subject.Binding(list[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ResealServerSecret(t.Context(), list[0].Name, list[0].Sealed, text); err != nil {
		t.Fatal(err)
	}
	alone, err := secret.NewKeyring(second)
	if err != nil {
		t.Fatal(err)
	}
	check("sealed anew, and the old key gone", alone)
	foreign, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := subject.New(t.Context(), s, foreign); err == nil || !strings.Contains(err.Error(), "key ring") {
		t.Errorf("a foreign ring: got %v, want an error that names the key ring, and no new secret", err)
	}
}
