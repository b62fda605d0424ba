package store

import (
	"fmt"
	"strings"
	"testing"

	"idp/internal/idp"
)

// The memory of decoded claims is bounded, takes no damage from garbage, and says what the text says.
func TestClaimsCache_IsBoundedAndTrue(t *testing.T) {
	t.Parallel()
	var c claimsCache
	for i := range 3 * claimsMost {
		var got idp.UserClaims
		text := fmt.Sprintf(`{"username":"u%d","profile":{}}`, i)
		for range 2 {
			if err := c.decode(text, &got); err != nil || got.Username != fmt.Sprint("u", i) {
				t.Fatalf("%s: got %+v %v", text, got, err)
			}
		}
		if len(c.decoded) > claimsMost {
			t.Fatalf("%d texts in memory, want at most %d", len(c.decoded), claimsMost)
		}
	}
	kept := len(c.decoded)
	var got idp.UserClaims
	if err := c.decode("{", &got); err == nil {
		t.Error("garbage was decoded")
	}
	if err := c.decode(`{"username":"`+strings.Repeat("x", claimsBytesMost)+`"}`, &got); err != nil || got.Username == "" {
		t.Errorf("a long text: got %v", err)
	}
	if len(c.decoded) != kept {
		t.Error("garbage or a long text was kept")
	}
}
