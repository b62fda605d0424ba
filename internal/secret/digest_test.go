package secret

import (
	"strings"
	"sync"
	"testing"
)

func TestKeyedDigest_VerifiesOnlyItsSecretPurposeAndKey(t *testing.T) {
	t.Parallel()
	oldKey, newKey := GenerateKey(), GenerateKey()
	before, after := testRing(t, oldKey), testRing(t, newKey, oldKey)
	stored := before.KeyedDigest("client secret", "s3cret")
	cases := map[string]struct {
		ring                    *Keyring
		purpose, stored, secret string
		want                    bool
	}{
		"right":           {before, "client secret", stored, "s3cret", true},
		"rotated":         {after, "client secret", stored, "s3cret", true},
		"key dropped":     {testRing(t, newKey), "client secret", stored, "s3cret", false},
		"other secret":    {before, "client secret", stored, "s3cres", false},
		"other purpose":   {before, "recovery code", stored, "s3cret", false},
		"renamed key":     {after, "client secret", strings.Replace(stored, oldKey.ID, newKey.ID, 1), "s3cret", false},
		"cut":             {before, "client secret", stored[:len(stored)-1], "s3cret", false},
		"empty":           {before, "client secret", "", "", false},
		"key id alone":    {before, "client secret", oldKey.ID + ".", "s3cret", false},
		"no base64":       {before, "client secret", oldKey.ID + "." + strings.Repeat("*", 43), "s3cret", false},
		"token sub-key":   {before, "token", stored, "s3cret", false},
		"trailing line":   {before, "client secret", stored + "\n", "s3cret", false},
		"long other text": {before, "client secret", stored, strings.Repeat("s3cret", 2000), false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.ring.VerifyDigest(c.purpose, c.stored, c.secret); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if !strings.HasPrefix(after.KeyedDigest("client secret", "s3cret"), newKey.ID+".") {
		t.Error("a new digest does not use the active key")
	}
}

func TestKeyedDigest_FormatIsPinned(t *testing.T) {
	t.Parallel()
	ring := testRing(t, Key{ID: "k", Secret: []byte("0123456789abcdef0123456789abcdef")})
	const want = "k.2AIClgWfSq9hrJ9znXUC4qXQc6OpZ9eThrB-MALqxaI" // digests outlive releases
	if got := ring.KeyedDigest("client secret", "s3cret"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeyring_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	ring := testRing(t, GenerateKey(), GenerateKey())
	var wg sync.WaitGroup
	for _, text := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wg.Go(func() {
			for range 200 {
				if !ring.VerifyDigest("p", ring.KeyedDigest("p", text), text) {
					t.Errorf("the digest of %q does not verify", text)
				}
				if _, ok := ring.ParseToken(TokenCode, ring.NewToken(TokenCode, testID).Text); !ok {
					t.Error("a token does not parse")
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkVerifyDigest(b *testing.B) {
	ring := testRing(b)
	stored := ring.KeyedDigest("client secret", "s3cret")
	b.ReportAllocs()
	for b.Loop() {
		ring.VerifyDigest("client secret", stored, "s3cret")
	}
}
