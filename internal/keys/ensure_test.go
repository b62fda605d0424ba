package keys_test

import (
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
)

// A key is made once, by one replica, however many need it at the same moment; each knows it when Ensure comes back.
func TestEnsure_OneReplicaMakesTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replicas := []*keys.Manager{w.Manager, w.replica(t), w.replica(t)}
	var wg sync.WaitGroup
	for _, m := range replicas {
		for range 3 {
			wg.Go(func() {
				if err := m.Ensure(t.Context(), "ES384", "RS256", "ES384", idp.AlgECDHES); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i, m := range replicas {
		if n := len(published(t, m).Keys); n != 5 {
			t.Errorf("replica %d publishes %d keys, want RS256, ES256, EdDSA, ES384 and ECDH-ES", i, n)
		}
		token := sign(t, m, "ES384", keys.TypeIDToken)
		for j, other := range replicas {
			if _, ok := other.Verify(token, keys.TypeIDToken); !ok {
				t.Errorf("replica %d refuses what replica %d signed", j, i)
			}
		}
	}
	if _, err := w.Sign("ES512", keys.TypeIDToken, nil); err == nil {
		t.Error("signed with an algorithm that nobody needed yet")
	}
	if err := w.Ensure(t.Context(), "HS256"); err == nil {
		t.Error("made a key for HS256")
	}
}

// Before it is used, a key is published by every replica: whoever made it waits until they have heard.
func TestEnsure_WaitsUntilReplicasHaveHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.conf.Heard = 50 * time.Millisecond
	m := w.replica(t)
	began := time.Now()
	must(t, m.Ensure(t.Context(), "ES512"))
	if took := time.Since(began); took < w.conf.Heard {
		t.Errorf("came back after %s, want %s", took, w.conf.Heard)
	}
	began = time.Now()
	must(t, m.Ensure(t.Context(), "ES512"))
	if took := time.Since(began); took >= w.conf.Heard {
		t.Errorf("a key that was there took %s", took)
	}
}

// What nobody has a key of needs no time in which it is only published.
func TestRotate_TheFirstKeyOfAnAlgorithmWorksAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for alg, want := range map[string]keys.State{"ES384": keys.StateSigning, idp.AlgECDHES: keys.StateDecrypting} {
		made, err := w.Rotate(t.Context(), alg)
		must(t, err)
		if made.State != want {
			t.Errorf("%s: got %s, want %s", alg, made.State, want)
		}
	}
	sign(t, w.Manager, "ES384", keys.TypeAccessToken)
}

// A key for encryption is for encryption alone.
func TestSign_RefusesKeysThatDecrypt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Ensure(t.Context(), idp.AlgECDHES))
	if _, err := w.Sign(idp.AlgECDHES, keys.TypeIDToken, []byte(`{}`)); err == nil {
		t.Error("signed with a key that is published for encryption")
	}
}

// An ID token, an access token, an answer about a token and UserInfo differ in their typ: none is read as another.
func TestVerify_TellsKindsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	kinds := []string{keys.TypeIDToken, keys.TypeAccessToken, keys.TypeIntrospected, keys.TypeUserInfo, "logout+jwt"}
	for _, made := range kinds {
		token := sign(t, w.Manager, "ES256", made)
		for _, read := range kinds {
			_, ok := w.Verify(token, read)
			want := made == read && (made == keys.TypeIDToken || made == keys.TypeAccessToken) // the others are never read
			if ok != want {
				t.Errorf("typ %q read as %q: got %v, want %v", made, read, ok, want)
			}
		}
	}
}
