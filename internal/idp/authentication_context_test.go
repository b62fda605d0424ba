package idp

import (
	"slices"
	"strings"
	"testing"
)

func TestParseAuthenticationContext_ReadsNameAndMethods(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]AuthenticationContext{
		"urn:example:low=pwd":            {ACR: "urn:example:low", AMR: []string{"pwd"}},
		"https://refeds.org/profile/mfa": {ACR: "https://refeds.org/profile/mfa"},
		"https://a.example/?level=2=pwd": {ACR: "https://a.example/?level=2", AMR: []string{"pwd"}},
		"https://a.example/?level=2=":    {ACR: "https://a.example/?level=2"},
		"phr":                            {ACR: "phr"},
	} {
		got, err := ParseAuthenticationContext(text)
		if err != nil || got.ACR != want.ACR || !slices.Equal(got.AMR, want.AMR) {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "=pwd", "0", "0=pwd", "two words=pwd", `a"b`, "urn:x=otp", "urn:x=pwd+", "phr=pwd", "phrh=pwd", strings.Repeat("x", 257)} {
		if got, err := ParseAuthenticationContext(text); err == nil || !strings.Contains(err.Error(), ". Write ") {
			t.Errorf("%q: got %+v and %v, want a fault with a mend", text, got, err)
		}
	}
}

func TestAuthenticationContexts_WhatASignInIsCalled(t *testing.T) { // OpenID Connect Core §2, §3.1.2.1
	t.Parallel()
	list := AuthenticationContexts{{ACR: "low", AMR: []string{"pwd"}}, {ACR: "gold"}, {ACR: "two", AMR: []string{"pwd", "otp"}}}
	words := strings.Fields
	for _, c := range []struct{ name, amr, vouched, wishes, want string }{
		{"a password", "pwd", "", "", "low"},
		{"the strongest", "pwd otp", "", "", "two"},
		{"the wish goes before the strongest", "pwd otp", "", "low two", "low"},
		{"the first wish that is met", "pwd", "", "gold unknown low", "low"},
		{"no wish is met", "pwd", "", "gold", "low"},
		{"an upstream vouched", "", "gold", "", "gold"},
		{"an upstream vouched for what is not there any more", "", "silver", "silver", ""},
		{"nothing was proved", "", "", "low", ""},
		{"half of the methods", "otp", "", "two", ""},
	} {
		if got := list.Of(words(c.amr), words(c.vouched), words(c.wishes)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := list.Met(words("pwd"), words("gold")); !slices.Equal(got, words("low gold")) {
		t.Errorf("got %v, want low and gold, weakest first", got)
	}
	if got := list.Known(words("two x low two")); !slices.Equal(got, words("two low")) {
		t.Errorf("got %v, want those that there are, once, in their order", got)
	}
	if list.Beyond("low", words("gold")) || list.Beyond("gold", words("gold")) || !list.Beyond("two", words("low gold")) || list.Beyond("unknown", nil) {
		t.Error("Beyond: want two beyond gold alone")
	}
}

func TestProvider_VouchesForWhatTheOperatorSays(t *testing.T) {
	t.Parallel()
	words := strings.Fields
	p := &Provider{Vouchers: []Voucher{
		{Context: "gold", ACR: "urn:up:mfa"}, {Context: "gold", AMR: words("mfa")}, {Context: "hard", ACR: "urn:up:mfa", AMR: words("hwk user")}, {Context: "free"},
	}}
	for _, c := range []struct{ acr, amr, want string }{
		{"", "", ""}, // FL-16: an upstream proves nothing by itself
		{"urn:up:pwd", "pwd", ""},
		{"urn:up:mfa", "", "gold"},
		{"", "pwd mfa", "gold"},
		{"urn:up:mfa", "mfa hwk", "gold"},
		{"urn:up:mfa", "user hwk", "gold hard"},
		{"urn:UP:mfa", "MFA", ""},
	} {
		if got := p.Vouched(c.acr, words(c.amr)); !slices.Equal(got, words(c.want)) {
			t.Errorf("acr %q, amr %q: got %v, want %q", c.acr, c.amr, got, c.want)
		}
	}
	if got := p.AskFor(words("hard gold")); !slices.Equal(got, words("urn:up:mfa")) {
		t.Errorf("got %v, want the upstream's word, once", got)
	}
	if got := (&Provider{}).Vouched("urn:up:mfa", words("mfa")); got != nil {
		t.Errorf("got %v, want nothing: the operator says nothing", got)
	}
}
