package ui_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"idp/internal/handlers/ui"
)

// theme writes a theme folder.
func theme(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		write(t, filepath.Join(dir, name), body)
	}
	return dir
}

func write(t *testing.T, file, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTheme_ReplacesPagesWordsAndStyles(t *testing.T) { // FS-54
	t.Parallel()
	dir := theme(t, map[string]string{
		"templates/home.html": `{{define "title"}}Hi{{end}}{{define "main"}}<h1 id="title">Made here</h1><a href="{{.Path "/login"}}">{{.T "home.sign_in"}}</a>{{end}}`,
		"static/theme.css":    `@layer theme { h1 { font-weight: 400; } }`,
		"locales/fi.json":     `{"login.title": "Kirjaudu"}`,
		"locales/en.json":     `{"home.sign_in": "Come in"}`,
	})
	u := newUI(t, func(c *ui.Config) { c.TemplateDir, c.BasePath = dir, "/idp" })
	home := render(u, ui.Page{View: ui.Home{}}).Body.String()
	for _, want := range []string{"Made here", "Come in", "/idp/static/theme.", `href="/idp/login"`} {
		if !strings.Contains(home, want) {
			t.Errorf("home: got no %q in %s", want, home)
		}
	}
	login := render(u, ui.Page{Locale: u.Localizer("fi", ""), View: ui.Login{Form: ui.Form{CSRF: "x"}}}).Body.String()
	for _, want := range []string{`lang="fi"`, "Kirjaudu", "Keep me signed in"} { // what the theme did not translate is English
		if !strings.Contains(login, want) {
			t.Errorf("login: got no %q in %s", want, login)
		}
	}
}

func TestTheme_FaultNamesFileAndLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"syntax":          {map[string]string{"templates/home.html": "{{define \"title\"}}x{{end}}\n{{define \"main\"}}\n{{if}}{{end}}{{end}}"}, "home.html:3"},
		"field":           {map[string]string{"templates/home.html": "{{define \"title\"}}x{{end}}\n{{define \"main\"}}{{.View.Nobody}}{{end}}"}, "home.html:2"},
		"sentence":        {map[string]string{"templates/login.html": "{{define \"title\"}}x{{end}}{{define \"main\"}}\n\n{{.T \"no.such\"}}{{end}}"}, "login.html:3"},
		"escaping":        {map[string]string{"templates/home.html": "{{define \"title\"}}x{{end}}\n{{define \"main\"}}<a href={{end}}"}, "page home"},
		"catalogue":       {map[string]string{"locales/fi.json": "{"}, "fi.json"},
		"catalogue name":  {map[string]string{"locales/dutch!.json": "{}"}, "dutch!.json"},
		"layout is wrong": {map[string]string{"templates/layout.html": "{{template \"nothing\" .}}"}, "layout.html:1"},
	} {
		_, err := ui.New(ui.Config{TemplateDir: theme(t, c.files)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a fault that names %s", name, err, c.want)
		}
	}
	if _, err := ui.New(ui.Config{TemplateDir: filepath.Join(t.TempDir(), "gone")}); err == nil {
		t.Error("a folder that does not exist: got no fault, want one")
	}
}

func TestTheme_LinkOutOfItsFolderIsNotRead(t *testing.T) {
	t.Parallel()
	dir := theme(t, map[string]string{"templates/x": ""})
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "very secret")
	if err := os.Symlink(secret, filepath.Join(dir, "templates", "home.html")); err != nil {
		t.Fatal(err)
	}
	if _, err := ui.New(ui.Config{TemplateDir: dir}); err == nil || strings.Contains(err.Error(), "very secret") {
		t.Errorf("got %v, want a fault without the content", err)
	}
}

func TestTheme_IsReadAnewInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	page := func(words string) string {
		return `{{define "title"}}x{{end}}{{define "main"}}<h1 id="title">` + words + `</h1>{{end}}`
	}
	for _, dev := range []bool{true, false} {
		dir := theme(t, map[string]string{"templates/home.html": page("before")})
		u := newUI(t, func(c *ui.Config) { c.TemplateDir, c.Dev = dir, dev })
		write(t, filepath.Join(dir, "templates", "home.html"), page("after"))
		body := render(u, ui.Page{View: ui.Home{}}).Body.String()
		if got := strings.Contains(body, "after"); got != dev {
			t.Errorf("dev %t: got the new page %t, want %t", dev, got, dev)
		}
	}
}

func TestStatic_HashedNamesAreKeptForEver(t *testing.T) {
	t.Parallel()
	u := newUI(t, func(c *ui.Config) { c.BasePath = "/auth" })
	get := func(method, path, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		u.Static().ServeHTTP(w, r)
		return w
	}
	body := render(u, ui.Page{View: ui.Setup{Form: ui.Form{CSRF: "x"}}}).Body.String()
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	found := regexp.MustCompile(`"(/auth/static/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(found) < 3 {
		t.Fatalf("assets: got %v, want style, mark, script", found)
	}
	for _, m := range found {
		w := get(http.MethodGet, m[1], "")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kinds[filepath.Ext(m[1])] || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: got %d %v, want 200, its type, immutable", m[1], w.Code, w.Header())
		}
		if again := get(http.MethodGet, m[1], `"other", W/`+w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s with its tag: got %d, want 304", m[1], again.Code)
		}
		if head := get(http.MethodHead, m[1], ""); head.Code != http.StatusOK || head.Body.Len() != 0 {
			t.Errorf("HEAD %s: got %d with %d bytes, want 200 with none", m[1], head.Code, head.Body.Len())
		}
	}
	if w := get(http.MethodGet, "/auth/static/style.css", ""); w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("plain name: got %q, want no-cache", w.Header().Get("Cache-Control"))
	}
	for _, path := range []string{"/auth/static/", "/auth/static/../ui.go", "/auth/static/templates/login.html", "/static/style.css", "/auth/static/style.0000000000000000.css"} {
		if w := get(http.MethodGet, path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
	if w := get(http.MethodPost, "/auth/static/style.css", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d, want 405", w.Code)
	}
}

func TestGallery_ShowsEveryFixture(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	h := http.StripPrefix("/dev/pages", ui.Gallery(u))
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
	index := get("/dev/pages/").Body.String()
	for _, f := range ui.Fixtures() {
		if !strings.Contains(index, `href="/dev/pages/`+f.Name+`"`) {
			t.Errorf("index: got no link to %s", f.Name)
		}
		if w := get("/dev/pages/" + f.Name); w.Code != http.StatusOK {
			t.Errorf("%s: got %d, want 200", f.Name, w.Code)
		}
	}
	if body := get("/dev/pages/continue/provider").Body.String(); !strings.Contains(body, `url=/dev/pages/away"`) {
		t.Errorf("continue: got %s, want it to stay in the gallery", body)
	}
	if w := get("/dev/pages/away"); w.Code != http.StatusNoContent {
		t.Errorf("away: got %d, want 204", w.Code)
	}
	if w := get("/dev/pages/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("nothing: got %d, want 404", w.Code)
	}
}
