package main

import (
	"testing"

	"idp/internal/config"
	"idp/internal/secret"
)

// What `idp config check` calls fine, the server starts with.
func TestNewHasher_TakesWhatTheSettingsAllow(t *testing.T) {
	t.Parallel()
	load := func(key, value string) (*config.Config, error) {
		return config.Load(config.LoadOptions{SearchPaths: []string{}, Flags: []config.FlagValue{{Name: key, Key: key, Value: value}}})
	}
	for _, tc := range []struct{ key, most, more string }{
		{"password.memory", "256MiB", "257MiB"},
		{"password.iterations", "10", "11"},
		{"password.parallelism", "16", "17"},
		{"password.bcrypt_cost", "16", "17"},
	} {
		c, err := load(tc.key, tc.most)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := secret.NewHasher(hasherConfig(c)); err != nil {
			t.Errorf("%s=%s: got %v, want a hasher", tc.key, tc.most, err)
		}
		if _, err := load(tc.key, tc.more); err == nil {
			t.Errorf("%s=%s: got no fault, want one", tc.key, tc.more)
		}
	}
}
