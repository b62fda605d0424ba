package docs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Every threat that the issue names has a row, and every row tests that exist.
func TestThreats_EachIsTried(t *testing.T) {
	t.Parallel()
	all := allTests(t)
	var have []string
	for _, row := range rows(t, threatsPage, 4) {
		have = append(have, row[0])
		if len(named(row[3])) == 0 {
			t.Errorf("%s: no test is named", row[0])
		}
		for _, name := range named(row[3]) {
			if all[name] == nil {
				t.Errorf("%s: there is no test %s", row[0], name)
			}
		}
	}
	want := []string{"FAPI 2.0 A1", "FAPI 2.0 A1a", "FAPI 2.0 A2", "FAPI 2.0 A3a", "FAPI 2.0 A3b (of the analysis)", "FAPI 2.0 A4", "FAPI 2.0 A5"}
	for n := range 17 {
		want = append(want, fmt.Sprintf("RFC 9700 §4.%d", n+1))
	}
	for _, trap := range []string{"none", "HMAC with the public key", "unknown crit", "another key's kid", "jwk, jku, x5u, x5c", "size", "typ", "aud", "exp", "duplicate members"} {
		want = append(want, "SEC-17 "+trap)
	}
	for _, threat := range want {
		if !slices.Contains(have, threat) {
			t.Errorf("%s has no row of %s", threatsPage, threat)
		}
	}
	// The other way round: a test that is named after a threat stands in the table.
	page := read(t, threatsPage)
	for name := range all {
		if strings.HasPrefix(name, "TestThreat_") && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("%s does not name %s", threatsPage, name)
		}
	}
}

const threatsPage = "docs/spec/threats.md"
