package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"idp/internal/config"
	"idp/internal/trace"
)

// Everything that a page names is there, also where the issuer has a path and the operator a logo.
func TestServe_PagesFindTheirFilesUnderAnIssuerWithAPath(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	logo := filepath.Join(folder, "logo.svg")
	if err := os.WriteFile(logo, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.LoadOptions{SearchPaths: []string{}, Flags: []config.FlagValue{
		{Name: "--data-dir", Key: "data_dir", Value: folder},
		{Name: "--issuer", Key: "issuer", Value: "http://localhost:8080/auth"},
		{Name: "--set brand.logo", Key: "brand.logo", Value: logo},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(nil, nil, t.Output(), t.Output())
	services, err := openServices(t.Context(), c, openOptions{logger: a.commandLogger(), migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() })
	s := &server{services: services, app: a, traces: trace.New(trace.Config{Store: services.store, Logger: services.logger, Retention: c.Trace.Retention})}
	if err := s.buildFront(); err != nil {
		t.Fatal(err)
	}
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.public.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:8080"+path, nil))
		return w
	}
	page := get("/auth/login").Body.String()
	files := regexp.MustCompile(`(?:href|src)="([^"]+\.(?:css|js|svg))"`).FindAllStringSubmatch(page, -1)
	kinds := map[string]bool{}
	for _, f := range files {
		if w := get(f[1]); w.Code != http.StatusOK {
			t.Errorf("%s, which the sign-in page names: got %d, want 200", f[1], w.Code)
		}
		kinds[regexp.MustCompile(`brand-logo|style`).FindString(f[1])] = true
	}
	if !kinds["brand-logo"] || !kinds["style"] {
		t.Errorf("files of the sign-in page: got %v, want the style sheet and the logo among them", files)
	}
}
