package dpop

import "testing"

// FuzzNonce: no text is a nonce but those that the key ring made, and of those only the ones of now.
func FuzzNonce(f *testing.F) {
	nonces := newNonces(f)
	good := nonces.Next(at)
	f.Fuzz(func(t *testing.T, text string) {
		for _, nonce := range []string{text, text + good, good + text} {
			until, ok := nonces.until(nonce, at)
			if ok && nonce != good {
				t.Fatalf("%q counts as a nonce", nonce)
			}
			if ok && (until.Before(at) || until.Sub(at) > (nonceSlices+2)*nonceSlice) {
				t.Fatalf("%q counts until %s", nonce, until)
			}
		}
	})
}
