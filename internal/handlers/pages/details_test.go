package pages

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"idp/internal/handlers/ui"
)

func TestFields_CannotReadBackwards(t *testing.T) { // RFC 9396 §12: what is allowed is what was read
	t.Parallel()
	got := fields(nil, "", map[string]any{"amount": "\u202e05.321 RUE\u202c", "to\u2067": []any{"\u2066DE1\u2069", "DE2"}, "by": map[string]any{"name": "عائشة"}})
	want := []ui.DetailField{{Name: "amount", Value: "05.321 RUE"}, {Name: "by › name", Value: "عائشة"}, {Name: "to", Value: "DE1, DE2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
