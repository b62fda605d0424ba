package ui_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func newUI(t *testing.T, change func(*ui.Config)) *ui.UI {
	t.Helper()
	config := ui.Config{Brand: ui.Brand{Name: "Example ID", PrivacyURL: "https://id.example.com/privacy"}}
	if change != nil {
		change(&config)
	}
	u, err := ui.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return u
}

func render(u *ui.UI, p ui.Page) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	u.Render(w, p, http.StatusOK)
	return w
}

// hashes are cut from the goldens: an edit of the style sheet would otherwise change every one.
var hashes = regexp.MustCompile(`(/static/[a-z_]+)\.[0-9a-f]{16}\.`)

func TestPages_LookLikeTheirGoldens(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	for _, f := range ui.Fixtures() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			w := render(u, f.Page)
			if w.Code != http.StatusOK {
				t.Fatalf("status: got %d, want 200: %s", w.Code, w.Body)
			}
			got := hashes.ReplaceAllString(w.Body.String(), "$1.HASH.")
			// Blank lines are what the templates' own structure leaves.
			got = regexp.MustCompile(`\n\s*\n+`).ReplaceAllString(got, "\n")
			file := filepath.Join("testdata", "golden", strings.ReplaceAll(f.Name, "/", "__")+".html")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (run with -update)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("page differs from %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestPages_NoInlineScriptOrStyleAndEveryFormIsBound(t *testing.T) { // FS-54, SEC-5
	t.Parallel()
	u := newUI(t, func(c *ui.Config) { c.Dev = true })
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|<script(?:>|\s[^>]*>[^<])|\son[a-z]+="|href="javascript:`)
	form := regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*>.*?</form>`)
	for _, f := range ui.Fixtures() {
		body := render(u, f.Page).Body.String()
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s: got %q, want nothing inline", f.Name, found)
		}
		for _, one := range form.FindAllString(body, -1) {
			if f.Page.Name() != "form_post" && !strings.Contains(one, `name="csrf" value="csrf-`) {
				t.Errorf("%s: a form without csrf: %s", f.Name, one)
			}
		}
		if !strings.Contains(body, `lang="`+f.Page.Locale.Tag()+`"`) || !strings.Contains(body, "<title>") {
			t.Errorf("%s: got no lang or no title, want both (WCAG 3.1.1, 2.4.2)", f.Name)
		}
		if n := strings.Count(body, " autofocus"); n > 1 {
			t.Errorf("%s: got %d autofocus, want one at most", f.Name, n)
		}
		if !strings.Contains(body, `id="dev-banner"`) {
			t.Errorf("%s: got no development banner, want one", f.Name)
		}
	}
}

func TestPages_IdsAreUniqueAndInputsHaveOne(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	ids := regexp.MustCompile(`\sid="([^"]+)"`)
	controls := regexp.MustCompile(`<(?:input|button)\b[^>]*>`)
	for _, f := range ui.Fixtures() {
		body := render(u, f.Page).Body.String()
		seen := map[string]bool{}
		for _, m := range ids.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s: id %q twice", f.Name, m[1])
			}
			seen[m[1]] = true
		}
		for _, c := range controls.FindAllString(body, -1) {
			if !strings.Contains(c, `type="hidden"`) && !strings.Contains(c, ` id="`) {
				t.Errorf("%s: %s has no id", f.Name, c)
			}
		}
		if !seen["title"] || !seen["main"] {
			t.Errorf("%s: got no title or main, want both", f.Name)
		}
	}
}

func TestRender_HeadersAreStrict(t *testing.T) { // FS-54
	t.Parallel()
	u := newUI(t, nil)
	w := render(u, ui.Page{View: ui.Home{}})
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy: got %q, want %q in it", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy: got %q, want nothing unsafe", policy)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Content-Language": "en", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	w = render(u, ui.Page{View: ui.FormPost{URL: "https://app.example.com/cb", Client: &ui.Client{Name: "App"}}})
	if got := w.Header().Get("Content-Security-Policy"); strings.Contains(got, "form-action") {
		t.Errorf("form_post: got %q, want no form-action: the application may redirect anywhere", got)
	}
}

// broken is a view whose template does not exist.
type broken struct{}

func (broken) PageName() string { return "no-such-page" }

func TestRender_AFailureSendsNoHalfPage(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	u := newUI(t, func(c *ui.Config) { c.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	for name, view := range map[string]ui.View{
		"no template":       broken{},
		"script as address": ui.Continue{URL: "javascript:alert(1)", Name: "x"},
		"nil client":        ui.Consent{},
	} {
		w := render(u, ui.Page{View: view})
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<") {
			t.Errorf("%s: got %d %q, want a plain 500", name, w.Code, w.Body)
		}
	}
	if got := strings.Count(log.String(), "page not rendered"); got != 3 {
		t.Errorf("log: got %d lines, want 3: %s", got, &log)
	}
}

func TestContinue_AddressIsWhole(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	for _, url := range []string{"https://app.example.com/cb?code=1&amp=2", "com.example.app:/cb?code=1", "http://127.0.0.1:51004/cb?x=%20y", "https://app.example.com/a;b?c='d'"} {
		body := render(u, ui.Page{View: ui.Continue{URL: url, Name: "App"}}).Body.String()
		got := regexp.MustCompile(`id="continue-link"[^>]*href="([^"]*)"`).FindStringSubmatch(body)
		meta := regexp.MustCompile(`content="0;url=([^"]*)"`).FindStringSubmatch(body)
		if got == nil || meta == nil {
			t.Fatalf("%s: got no link or no refresh: %s", url, body)
		}
		for _, one := range []string{got[1], meta[1]} {
			plain := strings.NewReplacer("&amp;", "&", "%27", "'", "&#39;", "'").Replace(one)
			if plain != url {
				t.Errorf("got %q, want %q", plain, url)
			}
		}
	}
	for _, url := range []string{"javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x", "", "java\tscript:alert(1)"} {
		if w := render(u, ui.Page{View: ui.Continue{URL: url, Name: "App"}}); w.Code != http.StatusInternalServerError {
			t.Errorf("%q: got %d, want it refused: %s", url, w.Code, w.Body)
		}
	}
}

func TestFailure_ShowsTheReceivedAddressAsText(t *testing.T) { // FD-17
	t.Parallel()
	f := ui.FailureOf(http.StatusBadRequest, "redirect_uri_invalid")
	f.RedirectURI, f.Client = "http://app.example.com/<script>", &ui.Client{Name: "App"}
	body := render(newUI(t, nil), ui.Page{View: f}).Body.String()
	for _, want := range []string{
		`<code id="redirect-uri">http://app.example.com/&lt;script&gt;</code>`, `<code id="error-code">redirect_uri_invalid</code>`,
		`id="error-client"><bdi>App</bdi>`, "The return address is not registered",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("got no %q in %s", want, body)
		}
	}
}

func TestFailureOf_UnknownCodeSpeaksByStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{400: "error.invalid_request", 403: "error.forbidden", 404: "error.not_found", 410: "error.not_found", 429: "error.throttled", 500: "error.internal", 502: "error.internal", 503: "error.unavailable"} {
		if got := ui.FailureOf(status, "never_heard_of"); got.Sentence.ID != want || got.Mend.ID != want+".mend" {
			t.Errorf("%d: got %q and %q, want %q", status, got.Sentence.ID, got.Mend.ID, want)
		}
	}
}

func TestStyle_IsSmallAndScriptsAreFew(t *testing.T) {
	t.Parallel()
	info, err := os.Stat("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 15_000 {
		t.Errorf("style.css: got %d bytes, want less than 15000", info.Size())
	}
}

func TestStatic_IsPackedForThoseWhoTakeIt(t *testing.T) { // RFC 9110 §12.5.3, §8.8.3.3
	t.Parallel()
	u := newUI(t, nil)
	ask := func(path string, pairs ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(pairs); i += 2 {
			r.Header.Add(pairs[i], pairs[i+1])
		}
		w := httptest.NewRecorder()
		u.Static().ServeHTTP(w, r)
		return w
	}
	plain := ask("/static/style.css")
	if got := plain.Body.String(); !strings.Contains(got, "@layer brand {") || plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: got %v and %d bytes, want the brand's rules in them, no encoding, and Vary", plain.Header(), len(got))
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "identity, gzip ; Q=1": "gzip", "br": "", "gzip;q=0": "", "gzip;q=0.000, br": "", "gzip;q=x": "", "x-gzipped": "", ";;,": "",
	} {
		w := ask("/static/style.css", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("%s: got encoding %q, want %q", accept, got, want)
		}
		if want == "" {
			continue
		}
		if w.Body.Len() > 5000 || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Errorf("%s: got %d bytes, Content-Length %s, want less than 5000", accept, w.Body.Len(), w.Header().Get("Content-Length"))
		}
		unpacked, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
			t.Errorf("%s: got %d bytes and %v, want those that a plain answer has", accept, len(body), err)
		}
		tag := w.Header().Get("ETag")
		if tag == plain.Header().Get("ETag") {
			t.Errorf("got %s for both encodings", tag)
		}
		again := ask("/static/style.css", "Accept-Encoding", accept, "If-None-Match", tag)
		if again.Code != http.StatusNotModified || again.Header().Get("ETag") != tag || again.Body.Len() > 0 {
			t.Errorf("again: got %d, %s and %d bytes, want 304, %s and none", again.Code, again.Header().Get("ETag"), again.Body.Len(), tag)
		}
	}
	if w := ask("/static/form_post.js", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Errorf("a file of a few bytes: got %q, want it as it is", w.Header().Get("Content-Encoding"))
	}
}

func BenchmarkRender_Login(b *testing.B) {
	u, err := ui.New(ui.Config{})
	if err != nil {
		b.Fatal(err)
	}
	page := ui.Fixtures()[0].Page
	for b.Loop() {
		u.Render(httptest.NewRecorder(), page, http.StatusOK)
	}
}

func TestClientOf_LinksToTheWebOnly(t *testing.T) { // protocol.md §3.2: refuse javascript: URLs
	t.Parallel()
	got := ui.ClientOf(&idp.Client{
		ID: "app", Name: "\u202eapp\u2069", LogoURI: "javascript:alert(1)", PolicyURI: "data:text/html,x", TosURI: "https://app.example.com/terms",
	})
	if want := (&ui.Client{Name: "app", TermsURL: "https://app.example.com/terms"}); *got != *want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
