package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// FuzzCookies: no Cookie header that this server did not write is a session, a browser that is known, or a form's token.
func FuzzCookies(f *testing.F) {
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, cookies, agent, token string) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/login?csrf=x", nil)
		r.Header["Cookie"], r.Header["User-Agent"] = []string{cookies}, []string{agent}
		r.PostForm = map[string][]string{"csrf": {token}}
		r.Form = r.PostForm
		if c, err := w.Resume(t.Context(), httptest.NewRecorder(), r); c != nil || err != nil {
			t.Fatalf("%q: %+v, %v, want nobody", cookies, c, err)
		}
		if w.CheckCSRF(r) == nil {
			t.Fatalf("%q: the form's token %q counts", cookies, token)
		}
		if w.KnownDevice(r, w.ann.ID) {
			t.Fatalf("%q: the browser is known", cookies)
		}
		for _, c := range (&http.Response{Header: http.Header{"Set-Cookie": answered(w, r)}}).Cookies() {
			if c.Value == "" && c.MaxAge >= 0 {
				t.Errorf("the answer sets %s to nothing", c.Name)
			}
		}
	})
}

// answered returns the cookies of an answer to r.
func answered(w *world, r *http.Request) []string {
	rec := httptest.NewRecorder()
	w.Browser(rec, r)
	return rec.Header()["Set-Cookie"]
}
