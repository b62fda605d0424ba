package keys

import (
	"slices"
	"testing"

	"idp/internal/idp"
)

// What discovery and registration promise, and what this package can do, are one list.
func TestAlgorithms_AreThoseThatClientsMayChoose(t *testing.T) {
	t.Parallel()
	var signing, encryption []string
	for _, a := range algorithms {
		if a.encrypts() {
			encryption = append(encryption, a.name)
		} else {
			signing = append(signing, a.name)
		}
	}
	if want := idp.SupportedSigningAlgs(); !slices.Equal(signing, want) {
		t.Errorf("signing: got %v, want %v", signing, want)
	}
	if want := idp.SupportedEncryptionAlgs(); !slices.Equal(encryption, want) {
		t.Errorf("encryption: got %v, want %v", encryption, want)
	}
	for _, alg := range atFirstStart {
		if !slices.Contains(signing, alg) {
			t.Errorf("%s is made at first start, and is not in the table", alg)
		}
	}
}
