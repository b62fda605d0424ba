package clientauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// Whoever sends a chain through a proxy chooses the keys in it. Of one that fills a header a single signature takes a second.
func TestIntermediates_GiantKeysAreLeftOut(t *testing.T) {
	t.Parallel()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(public any) []byte {
		t.Helper()
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "intermediate"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: pkix.Name{CommonName: "root"}}, public, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	modulus := func(bits uint) *rsa.PublicKey { // nobody has the other half, which is not needed to be asked for a signature by it
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
	}
	for name, c := range map[string]struct {
		public any
		want   int
	}{
		"EC":           {&signer.PublicKey, 1},
		"RSA of 4096":  {modulus(4096), 1},
		"RSA of 8192":  {modulus(8192), 1},
		"RSA of 8200":  {modulus(8200), 0},
		"RSA of 80000": {modulus(80000), 0},
	} {
		if got := intermediates([][]byte{[]byte("no certificate"), certificate(c.public)}); len(got) != c.want {
			t.Errorf("%s: got %d certificates, want %d", name, len(got), c.want)
		}
	}
}
