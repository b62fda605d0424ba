package clientauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"idp/internal/idp"
)

// Whatever a request presents as credentials, it is of one method and of one client, or refused.
func FuzzRead(f *testing.F) {
	f.Add("", "client_assertion_type="+url.QueryEscape(assertionType)+"&client_assertion=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhcHAifQ.AA")
	f.Add("", "client_assertion_type="+url.QueryEscape(assertionType)+"&client_assertion=eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ.eyJzdWIiOltdfQ.")
	f.Fuzz(func(t *testing.T, header, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/oauth2/token", nil)
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		c, failure := read(r, form)
		if failure != nil {
			return
		}
		asserted := c.method == idp.AuthPrivateKeyJWT || c.method == idp.AuthClientSecretJWT
		if c.id == "" || asserted != (c.assertion != "") || asserted && (c.secret != "" || header != "") {
			t.Fatalf("%q and %q: got %+v", header, body, c)
		}
	})
}
