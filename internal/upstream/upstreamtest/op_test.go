package upstreamtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"idp/internal/upstream"
	"idp/internal/upstream/upstreamtest"
)

// TestOP_ABrowserCanGoThrough signs in over sockets: by itself, with "Continue" and with "Cancel".
func TestOP_ABrowserCanGoThrough(t *testing.T) { // FD-2, FD-18
	t.Parallel()
	for decision, want := range map[string]string{"": "code", "allow": "code", "deny": "error"} {
		op := upstreamtest.Start(t)
		op.Script(func(s *upstreamtest.Script) { s.Form = decision != "" })
		var got url.Values
		app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Query() }))
		t.Cleanup(app.Close)
		p, err := upstream.New(upstream.Config{}).Get(t.Context(), op.Row("fake"))
		if err != nil {
			t.Fatal(err)
		}
		address, _, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: app.URL + "/callback", State: "&=+%/ü"})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if decision != "" {
			if !strings.Contains(string(page), "Continue") || got != nil {
				t.Fatalf("got %s, want the form and no callback yet", page)
			}
			u, _ := url.Parse(address)
			form := u.Query()
			form.Set("decision", decision)
			resp, err := http.PostForm(op.Issuer+"/authorize", form)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if got.Get("state") != "&=+%/ü" || got.Get(want) == "" { // FD-2: state byte for byte
			t.Errorf("decision %q: got callback %v, want the state and a %s", decision, got, want)
		}
	}
}

// TestOP_ACodeIsGoodOnce shows that the provider is strict itself, so that a test against it means something.
func TestOP_ACodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	op := upstreamtest.NewInProcess(t)
	exchange := func(code, verifier string) int {
		resp, err := op.Client().PostForm(op.Issuer+"/token", url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {"https://idp.example/cb"},
			"client_id": {op.ClientID}, "client_secret": {op.ClientSecret},
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	p, err := upstream.New(upstream.Config{HTTPClient: op.Client()}).Get(t.Context(), op.Row("fake"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		verifier func(upstream.Pending) string
		want     []int
	}{
		{func(p upstream.Pending) string { return p.CodeVerifier }, []int{200, 400}},
		{func(upstream.Pending) string { return "wrong" }, []int{400, 400}},
	} {
		address, pending, err := p.Begin(t.Context(), upstream.BeginRequest{RedirectURI: "https://idp.example/cb", State: "s"})
		if err != nil {
			t.Fatal(err)
		}
		code := op.Authorize(address).Get("code")
		for i, want := range tt.want {
			if got := exchange(code, tt.verifier(pending)); got != want {
				t.Errorf("exchange %d: got %d, want %d", i+1, got, want)
			}
		}
	}
}
