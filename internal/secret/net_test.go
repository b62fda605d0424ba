package secret

import (
	"strings"
	"testing"
)

func TestInText_FindsWhatMayNotBeShown(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a", 24)
	for text, want := range map[string]bool{
		"idp_rt_" + body:                                true,
		"it was idp_at_" + body + ", and then":          true,
		"idp_rt_short":                                  false,
		"idp_admin":                                     false,
		"x idp_ y idp_ac_" + body:                       true,
		"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln":     true,
		"see eyJ and eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIx": true,
		"eyJhbGciOiJFUzI1NiJ9":                          false,
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA":     true,
		"hash $2b$10$abcdefghijklmnopqrstuu":            true,
		"{CRYPT}$6$salt$hash":                           true,
		"pbkdf2 costs $5 or $6":                         false,
		"https://app.example/cb?x=1":                    false,
		"auth0|5f7c8ec7c33c6c004bbafe82":                false,
		"":                                              false,
	} {
		if got := InText(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestInName_TellsSecretsFromWhatMerelyResemblesThem(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"password": true, "Set-Cookie": true, "refresh_token": true, "client_secret": true, "password_hash": true, "csrf": true, "nonce": true,
		"error_code": false, "token_type": false, "token_endpoint": false, "client_id": false, "user_id": false,
	} {
		if got := InName(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
