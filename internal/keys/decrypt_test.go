package keys_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store/storetest"
)

const plain = `{"iss":"app","aud":"https://id.example"}`

// encryptTo encrypts as a client does, with the published key of alg.
func encryptTo(t testing.TB, m *keys.Manager, alg, enc string, change func(*jose.Recipient, *jose.EncrypterOptions)) string {
	t.Helper()
	for _, k := range published(t, m).Keys {
		if k.Algorithm != alg || k.Use != "enc" {
			continue
		}
		to, options := jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: k.Key, KeyID: k.KeyID}, &jose.EncrypterOptions{}
		if change != nil {
			change(&to, options)
		}
		e, err := jose.NewEncrypter(jose.ContentEncryption(enc), to, options)
		must(t, err)
		obj, err := e.Encrypt([]byte(plain))
		must(t, err)
		text, err := obj.CompactSerialize()
		must(t, err)
		return text
	}
	t.Fatalf("no published key for %s", alg)
	return ""
}

func TestDecrypt_OpensEveryAlgorithmOfAnotherLibrary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Ensure(t.Context(), idp.SupportedEncryptionAlgs()...))
	for _, alg := range idp.SupportedEncryptionAlgs() {
		for _, enc := range idp.SupportedEncryptionEncs() {
			got, err := w.Decrypt(encryptTo(t, w.Manager, alg, enc, nil))
			if err != nil || string(got) != plain {
				t.Errorf("%s %s: got %q, %v", alg, enc, got, err)
			}
		}
		nameless := encryptTo(t, w.Manager, alg, idp.EncA128GCM, func(r *jose.Recipient, _ *jose.EncrypterOptions) { r.KeyID = "" })
		if got, err := w.Decrypt(nameless); err != nil || string(got) != plain {
			t.Errorf("%s without kid: got %q, %v", alg, got, err)
		}
	}
}

func TestDecrypt_RefusesWhatIsNotForUs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Ensure(t.Context(), idp.AlgRSAOAEP256, idp.AlgRSAOAEP, idp.AlgECDHES))
	good := encryptTo(t, w.Manager, idp.AlgRSAOAEP256, idp.EncA256GCM, nil)
	parts := strings.Split(good, ".")
	set := published(t, w.Manager)
	var kid string
	for _, k := range set.Keys {
		if k.Algorithm == idp.AlgRSAOAEP256 {
			kid = k.KeyID
		}
	}
	header := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + strings.Join(parts[1:], ".")
	}
	flipped := bytes.Clone([]byte(parts[3]))
	flipped[0] ^= 1
	for name, text := range map[string]string{
		"empty":                  "",
		"a signed token":         sign(t, w.Manager, "ES256", keys.TypeIDToken),
		"six parts":              good + ".x",
		"a line end":             good + "\n",
		"longer than a form":     good + strings.Repeat("A", 64<<10),
		"altered content":        strings.Join([]string{parts[0], parts[1], parts[2], string(flipped), parts[4]}, "."),
		"another key's alg":      header(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"` + kid + `"}`),
		"alg RSA1_5":             header(`{"alg":"RSA1_5","enc":"A256GCM","kid":"` + kid + `"}`),
		"alg dir":                header(`{"alg":"dir","enc":"A256GCM","kid":"` + kid + `"}`),
		"alg PBES2":              header(`{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":1000000,"p2s":"x"}`),
		"alg none":               header(`{"alg":"none","enc":"A256GCM"}`),
		"enc that is not listed": header(`{"alg":"RSA-OAEP-256","enc":"A192GCM","kid":"` + kid + `"}`),
		"alg twice":              header(`{"alg":"RSA-OAEP-256","alg":"RSA-OAEP","enc":"A256GCM","kid":"` + kid + `"}`),
		"crit":                   header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["exp"],"kid":"` + kid + `"}`),
		"unknown kid":            header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"nobody"}`),
		"a point off the curve":  header(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`),
		"no epk":                 header(`{"alg":"ECDH-ES","enc":"A256GCM"}`),
		"header is a list":       header(`[]`),
		"compressed": encryptTo(t, w.Manager, idp.AlgRSAOAEP256, idp.EncA256GCM, func(_ *jose.Recipient, o *jose.EncrypterOptions) {
			o.Compression = jose.DEFLATE
		}),
	} {
		if got, err := w.Decrypt(text); !errors.Is(err, keys.ErrCannotDecrypt) || got != nil {
			t.Errorf("%s: got %q, %v, want ErrCannotDecrypt", name, got, err)
		}
	}
	if _, err := w.DecryptWith(good, []string{idp.AlgRSAOAEP256}, []string{idp.EncA256GCM}); err != nil {
		t.Errorf("the registered algorithms: got %v", err)
	}
	if _, err := w.DecryptWith(good, []string{idp.AlgECDHES}, []string{idp.EncA256GCM}); !errors.Is(err, keys.ErrCannotDecrypt) {
		t.Errorf("an alg that is not registered: got %v, want ErrCannotDecrypt", err)
	}
}

// A rotated key leaves the JWKS at once and decrypts what was under way for as long as tokens live; a withdrawn one does not.
func TestRotate_TurnsKeysThatDecrypt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		must(t, w.Ensure(t.Context(), idp.AlgECDHES))
		before := encryptTo(t, w.Manager, idp.AlgECDHES, idp.EncA128GCM, nil)
		first := published(t, w.Manager).Keys
		next, err := w.Rotate(t.Context(), idp.AlgECDHES)
		must(t, err)
		if got := published(t, w.Manager); len(got.Keys) != len(first) || len(got.Key(next.ID)) != 1 || next.State != keys.StateDecrypting {
			t.Errorf("after the rotation %d keys are published, the new one among them %d times as %s; want one in the other's place", len(got.Keys), len(got.Key(next.ID)), next.State)
		}
		states := map[keys.State]int{}
		for _, k := range w.List() {
			if k.Algorithm == idp.AlgECDHES {
				states[k.State]++
			}
		}
		if states[keys.StateDecrypting] != 1 || states[keys.StateRetired] != 1 {
			t.Errorf("got states %v, want one decrypting and one retired", states)
		}
		if got, err := w.Decrypt(before); err != nil || string(got) != plain {
			t.Errorf("what was under way: got %q, %v", got, err)
		}
		time.Sleep(w.conf.MaxTokenLife)
		if _, err := w.Decrypt(before); err == nil {
			t.Error("the old key decrypts for ever")
		}
		after := encryptTo(t, w.Manager, idp.AlgECDHES, idp.EncA128GCM, nil)
		must(t, w.Withdraw(t.Context(), next.ID))
		if _, err := w.Decrypt(after); err == nil {
			t.Error("a withdrawn key decrypts")
		}
		encryptTo(t, w.Manager, idp.AlgECDHES, idp.EncA128GCM, nil) // there is a successor
	})
}

func FuzzDecrypt(f *testing.F) {
	ring, err := secret.NewKeyring(secret.GenerateKey())
	must(f, err)
	m, err := keys.New(context.Background(), keys.Config{Store: storetest.New(f), Keyring: ring, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), MaxTokenLife: time.Hour})
	must(f, err)
	must(f, m.Ensure(f.Context(), idp.AlgECDHES))
	f.Add(encryptTo(f, m, idp.AlgECDHES, idp.EncA128GCM, nil))
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := m.Decrypt(text); err == nil && string(got) != plain {
			t.Errorf("decrypted %q to %q, which nobody encrypted", text, got)
		}
	})
}
