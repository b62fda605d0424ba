package idp

import (
	"slices"
	"strings"
	"testing"
)

func TestSignatureAlgorithms_AreAsymmetric(t *testing.T) { // SEC-17
	t.Parallel()
	for _, alg := range SupportedSigningAlgs() {
		if strings.HasPrefix(alg, "HS") || alg == "none" {
			t.Errorf("%s is accepted", alg)
		}
	}
	if !slices.Contains(SupportedSigningAlgs(), AlgRS256) {
		t.Error("RS256 is missing, which every provider has")
	}
}
