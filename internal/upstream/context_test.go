package upstream_test

import (
	"net/url"
	"slices"
	"testing"

	"idp/internal/idp"
	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

func TestContext_OnlyTheSignedTokenSaysIt(t *testing.T) { // OpenID Connect Core §2: acr and amr of the ID token, never of UserInfo
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	row := op.Row("fake")
	row.Vouchers = []idp.Voucher{{Context: "urn:example:gold", ACR: "urn:up:mfa"}}
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signed any
		want   []string
	}{
		"said":                  {"urn:up:mfa", []string{"urn:example:gold"}},
		"another":               {"urn:up:pwd", nil},
		"nothing":               {nil, nil},
		"no text":               {[]string{"urn:up:mfa"}, nil},
		"two words":             {"urn:up:mfa urn:up:pwd", nil},
		"with a quote":          {`urn:up:mfa"`, nil},
		"what is ours, not its": {"urn:example:gold", nil},
	} {
		person := upstreamtest.Person{Subject: "1", Extra: map[string]any{}}
		if c.signed != nil {
			person.Extra["acr"] = c.signed
		}
		op.SignIn(person)
		op.Script(func(s *upstreamtest.Script) {
			s.UserInfo = func(claims map[string]any) { claims["acr"], claims["amr"] = "urn:up:mfa", []string{"mfa"} }
		})
		got, err := walk(t, op, p, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if vouched := row.Vouched(got.ACR, got.AMR); !slices.Equal(vouched, c.want) {
			t.Errorf("%s: vouched for %v, want %v", name, vouched, c.want)
		}
	}
}

func TestContext_TheUpstreamIsAskedInItsOwnWords(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	for want, values := range map[string][]string{"": nil, "urn:up:mfa urn:up:hard": {"urn:up:mfa", "urn:up:hard"}} {
		address, _, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: callbackURI, State: "s", ACRValues: values})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Query().Get("acr_values"); got != want || u.Query().Has("acr_values") != (want != "") {
			t.Errorf("acr_values: got %q, want %q", got, want)
		}
	}
}
