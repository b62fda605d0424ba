package secret

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"idp/internal/idp"
)

const testID = "0cs3a9f1c8dug0g2kq7v5m4n60"

func TestToken_ParsesWhatItMade(t *testing.T) {
	t.Parallel()
	oldKey, newKey := GenerateKey(), GenerateKey()
	id := idp.NewID()
	token := testRing(t, oldKey).NewToken(TokenRefresh, id)
	if !strings.HasPrefix(token.Text, "idp_rt_") || len(token.Text) != 7+86 {
		t.Errorf("got a token of another shape: %d characters", len(token.Text))
	}
	sum := sha256.Sum256([]byte(token.Text))
	for name, ring := range map[string]*Keyring{"same": testRing(t, oldKey), "rotated": testRing(t, newKey, oldKey)} {
		got, ok := ring.ParseToken(TokenRefresh, token.Text)
		if !ok || got.ID != id || got.Text != token.Text || string(got.Digest) != string(sum[:]) {
			t.Errorf("%s ring: got ok %v, id %q, want %q", name, ok, got.ID, id)
		}
	}
	if again := testRing(t, oldKey).NewToken(TokenRefresh, id); again.Text == token.Text {
		t.Error("two tokens for one row are the same")
	}
}

func TestParseToken_RefusesForgeries(t *testing.T) {
	t.Parallel()
	ring := testRing(t)
	text := ring.NewToken(TokenRefresh, testID).Text
	if _, ok := testRing(t).ParseToken(TokenRefresh, text); ok {
		t.Error("a foreign key's token was accepted")
	}
	// An access token presented as a refresh token, by renaming it.
	if _, ok := ring.ParseToken(TokenAccess, strings.Replace(text, "_rt_", "_at_", 1)); ok {
		t.Error("a renamed token was accepted")
	}
	if _, ok := ring.ParseToken(TokenAccess, text); ok {
		t.Error("a token of another kind was accepted")
	}
	forged := []string{
		"", "idp_rt_", text[:len(text)-1], text + "A", text + "=", " " + text[1:], strings.ToUpper(text),
		text[:50] + "\n" + text[51:], text[:len(text)-1] + "\n",
	}
	for i := range len(text) { // every single letter counts, also the spare bits of the last one
		for _, letter := range "AB-" {
			if byte(letter) != text[i] {
				forged = append(forged, text[:i]+string(letter)+text[i+1:])
			}
		}
	}
	for _, f := range forged {
		if _, ok := ring.ParseToken(TokenRefresh, f); ok {
			t.Errorf("accepted %q, made from %q", f, text)
		}
	}
}

func TestNewToken_PanicsOnWhatIsNoID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "42", strings.Repeat("z", 26), testID[:25] + "1", testID[:25] + "\n"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("id %q was accepted", id)
				}
			}()
			testRing(t).NewToken(TokenOnce, id)
		}()
	}
}

func TestSuccessor_OpensOnlyWithTheOldToken(t *testing.T) { // RFC 6749 §10.4
	t.Parallel()
	ring := testRing(t)
	old, next := ring.NewToken(TokenRefresh, testID), ring.NewToken(TokenRefresh, testID)
	sealed := SealSuccessor(old.Text, next.Text)
	if got, err := OpenSuccessor(old.Text, sealed); err != nil || got != next.Text {
		t.Errorf("got %v, want the successor", err)
	}
	if strings.Contains(string(sealed), next.Text[:20]) {
		t.Error("the successor is readable")
	}
	sealed[len(sealed)-1] ^= 1
	for name, err := range map[string]error{
		"altered":   openErr(old.Text, sealed),
		"new token": openErr(next.Text, SealSuccessor(old.Text, next.Text)),
		"digest":    openErr(string(old.Digest), SealSuccessor(old.Text, next.Text)),
		"empty":     openErr(old.Text, nil),
	} {
		if !errors.Is(err, ErrCannotOpen) {
			t.Errorf("%s: got %v, want ErrCannotOpen", name, err)
		}
	}
}

func openErr(old string, sealed []byte) error {
	_, err := OpenSuccessor(old, sealed)
	return err
}

func FuzzParseToken(f *testing.F) {
	ring := testRing(f, Key{ID: "k", Secret: []byte("0123456789abcdef0123456789abcdef")})
	// Made once with this key: it also pins the format, since tokens outlive releases.
	const made = "idp_ac_Azg1JeFiG-gCAqaP8tiXMJL6bDTaM89jS9ulQtF19wBGWP-vHF-OHANTWuzEr3s0GfXN_-7wpoy-lR8scFLWdA"
	if _, ok := ring.ParseToken(TokenCode, made); !ok {
		f.Fatal("the format of tokens has changed: an earlier token is refused")
	}
	f.Add(made)
	f.Add("idp_ac_" + strings.Repeat("A", 86))
	f.Fuzz(func(t *testing.T, text string) {
		if token, ok := ring.ParseToken(TokenCode, text); ok && (text != made || token.ID != testID) {
			t.Errorf("accepted %q", text)
		}
	})
}

func BenchmarkNewToken(b *testing.B) {
	ring := testRing(b)
	b.ReportAllocs()
	for b.Loop() {
		ring.NewToken(TokenRefresh, testID)
	}
}

func BenchmarkParseToken(b *testing.B) {
	ring := testRing(b)
	text := ring.NewToken(TokenRefresh, testID).Text
	b.ReportAllocs()
	for b.Loop() {
		ring.ParseToken(TokenRefresh, text)
	}
}
