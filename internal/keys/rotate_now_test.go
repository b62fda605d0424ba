package keys_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store/storetest"
)

// Whoever keeps the JWKS for a while knows the key that was published ahead: rotating at once lets that one sign.
func TestRotate_AtOncePromotesThePublishedKey(t *testing.T) {
	t.Parallel()
	ring, err := secret.NewKeyring(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	m, err := keys.New(t.Context(), keys.Config{Store: storetest.New(t), Keyring: ring, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), PublishBefore: time.Hour, MaxTokenLife: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	state := func() map[string]string {
		states := map[string]string{}
		for _, k := range m.List() {
			if k.Algorithm == keys.ES256 {
				states[k.ID] = string(k.State)
			}
		}
		return states
	}
	next, err := m.Rotate(t.Context(), keys.ES256)
	if err != nil || next.State != "next" || len(state()) != 2 {
		t.Fatalf("publish ahead: got %+v, %v; keys %v", next, err, state())
	}
	promoted, err := m.RotateNow(t.Context(), keys.ES256)
	if err != nil || promoted.ID != next.ID || promoted.State != "signing" {
		t.Fatalf("at once: got %+v, %v; want key %s signing", promoted, err, next.ID)
	}
	again, err := m.RotateNow(t.Context(), keys.ES256)
	if err != nil || again.ID == next.ID || again.State != "signing" {
		t.Fatalf("at once without a key ahead: got %+v, %v; want a new one signing", again, err)
	}
	for id, s := range state() {
		if (s == "signing") != (id == again.ID) {
			t.Errorf("key %s is %s; only %s should sign", id, s, again.ID)
		}
	}
	token, err := m.Sign(keys.ES256, keys.TypeAccessToken, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Verify(token, keys.TypeAccessToken); !ok || v.KeyID != again.ID {
		t.Errorf("got %+v, %v; want a token of %s", v, ok, again.ID)
	}
}
