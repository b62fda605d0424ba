package config

import (
	"slices"
	"testing"
)

func TestChanged_NamesWhatDiffers(t *testing.T) {
	t.Parallel()
	a, b := Default(), Default()
	if got := a.Changed(b); len(got) != 0 {
		t.Errorf("the same settings: got %v, want none", got)
	}
	b.Log.Level, b.Database.URL, b.Issuer = "debug", "postgres://idp:other@db/idp", "https://id.example.com"
	if got, want := a.Changed(b), []string{"database.url", "issuer", "log.level"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
