package ui

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed templates static locales
var embedded embed.FS

// Config is what the pages need to know. The zero value works.
type Config struct {
	Brand       Brand
	Dev         bool   // the banner, and a theme that is read anew on each request
	TemplateDir string // a theme: a folder with any of templates/, static/ and locales/, each file replacing ours of the same name
	LogoFile    string // an image, in place of Brand.LogoURL
	BasePath    string // path of the issuer, without the slash at the end; Static is mounted at /static/ below it
	Log         *slog.Logger
}

// UI renders the pages. It is safe for use by many goroutines.
type UI struct {
	config Config
	prefix string
	fixed  func() (*state, error) // that of the start, or of the first page
}

// state is everything that a theme can change.
type state struct {
	brand     Brand
	pages     map[string]*template.Template
	assets    *assets
	catalogue *catalogue

	checkSession *template.Template
}

// New makes the pages ready. Those of a theme are parsed now, and its fault is an error that names the file and the line. Those that the program
// brings are parsed when somebody sees the first one: a server that only gives tokens to programs needs none.
func New(config Config) (*UI, error) {
	brand, err := config.Brand.withDefaults()
	if err != nil {
		return nil, err
	}
	config.Brand = brand
	config.BasePath = strings.TrimSuffix(config.BasePath, "/")
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	u := &UI{config: config, prefix: config.BasePath + "/static/"}
	u.fixed = sync.OnceValues(u.load)
	if config.TemplateDir == "" && config.LogoFile == "" {
		_, err := brand.styleSheet()
		if _, wrong := brand.mark(); err == nil {
			err = wrong
		}
		return u, err
	}
	loaded, err := u.fixed()
	if err != nil {
		return nil, err
	}
	if config.TemplateDir == "" {
		return u, nil
	}
	// A field that does not exist shows only when the page runs: run each of them once, before somebody needs one.
	for _, f := range Fixtures() {
		if err := u.write(io.Discard, loaded, f.Page); err != nil {
			return nil, fmt.Errorf("theme %s: page %s: %w", config.TemplateDir, f.Page.Name(), err)
		}
	}
	return u, nil
}

// load reads templates, assets and catalogues: ours, and the theme's over them.
func (u *UI) load() (*state, error) {
	sources := []fs.FS{embedded}
	if u.config.TemplateDir != "" {
		// os.Root keeps a symbolic link in the theme from reading the rest of the machine.
		root, err := os.OpenRoot(u.config.TemplateDir)
		if err != nil {
			return nil, fmt.Errorf("open theme: %w", err)
		}
		defer func() { _ = root.Close() }() // opened for reading only
		sources = append(sources, root.FS())
	}
	sheet, err := u.config.Brand.styleSheet()
	if err != nil {
		return nil, err
	}
	mark, err := u.config.Brand.mark()
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{"mark.svg": mark}
	logo := ""
	if u.config.LogoFile != "" {
		logo = "brand-logo" + strings.ToLower(filepath.Ext(u.config.LogoFile))
		if made[logo], err = os.ReadFile(u.config.LogoFile); err != nil {
			return nil, fmt.Errorf("read the logo: %w", err)
		}
	}
	s := &state{brand: u.config.Brand}
	if s.assets, err = newAssets(made, sheet, sources...); err != nil {
		return nil, err
	}
	if logo != "" {
		s.brand.LogoURL = u.prefix + s.assets.plain[logo].hashed
	}
	if s.catalogue, err = newCatalogue(sources...); err != nil {
		return nil, err
	}
	if s.pages, err = parsePages(sources); err != nil {
		return nil, err
	}
	if s.checkSession, err = parseCheckSession(); err != nil {
		return nil, err
	}
	return s, nil
}

// The templates that every page is made of, beside its own.
const (
	layoutFile   = "layout.html"
	partialsFile = "partials.html"
)

// parsePages makes one template set per page: layout, partials, page.
func parsePages(sources []fs.FS) (map[string]*template.Template, error) {
	names, err := fs.Glob(sources[0], "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		file := strings.TrimPrefix(name, "templates/")
		if file == layoutFile || file == partialsFile {
			continue
		}
		set := template.New(layoutFile).Option("missingkey=error")
		for _, part := range []string{layoutFile, partialsFile, file} {
			body, err := newest(sources, "templates/"+part)
			if err != nil {
				return nil, err
			}
			// Under its own path, because this is the name that a fault is reported with.
			t := set
			if part != layoutFile {
				t = set.New("templates/" + part)
			}
			if _, err := t.Parse(string(body)); err != nil {
				return nil, fmt.Errorf("templates/%s: %w", part, err)
			}
		}
		pages[strings.TrimSuffix(file, ".html")] = set
	}
	return pages, nil
}

// newest reads a file from the last source that has it.
func newest(sources []fs.FS, name string) ([]byte, error) {
	for _, source := range slices.Backward(sources) {
		body, err := fs.ReadFile(source, name)
		if err == nil {
			return body, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read theme: %w", err)
		}
	}
	return nil, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
}

// current returns the state to answer with: in development that of the disk, otherwise that of the start.
func (u *UI) current() (*state, error) {
	if u.config.Dev && u.config.TemplateDir != "" {
		return u.load()
	}
	return u.fixed()
}

// sure is the state of the start or of the first page. There is no error: New has met a theme's, and tests those of our own files.
func (u *UI) sure() *state {
	s, err := u.fixed()
	if err != nil {
		panic(fmt.Errorf("the pages that the program brings: %w", err))
	}
	return s
}

// write runs the page's template into w.
func (u *UI) write(w io.Writer, s *state, p Page) error {
	set := s.pages[p.Name()]
	if set == nil {
		return fmt.Errorf("no template for page %q", p.Name())
	}
	return set.Execute(w, u.frame(s, p))
}

// Render answers with a page. It is written to memory first: a template that fails sends no half page, but a plain 500.
func (u *UI) Render(w http.ResponseWriter, p Page, status int) {
	header := w.Header()
	for name, values := range SecurityHeaders() {
		header[name] = values
	}
	var body bytes.Buffer
	s, err := u.current()
	if err == nil {
		err = u.write(&body, s, p)
	}
	if err != nil {
		u.config.Log.Error("page not rendered", slog.String("page", p.Name()), slog.Any("error", err))
		header.Set("Content-Type", "text/plain; charset=utf-8")
		message := "This page could not be shown. The operator finds the reason in the log.\n"
		if u.config.Dev {
			message += "\n" + err.Error() + "\n"
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, message) // nobody left to tell
		return
	}
	if v, ok := p.View.(interface{ postsAway() bool }); ok && v.postsAway() {
		// The form goes to the application, and from there anywhere: Chromium checks form-action at each redirect.
		header.Set("Content-Security-Policy", policyFormPost)
	}
	if v, ok := p.View.(interface{ framed() []string }); ok {
		if origins := v.framed(); len(origins) > 0 {
			header.Set("Content-Security-Policy", policy+"; frame-src "+strings.Join(origins, " "))
		}
	}
	header.Set("Content-Security-Policy", withLogo(header.Get("Content-Security-Policy"), p.View))
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", p.Locale.Tag())
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a browser that went away is no fault of ours
}

// Localizer chooses the language: the application's wish (ui_locales), then the browser's Accept-Language. What is unknown or malformed is passed over (FL-17).
func (u *UI) Localizer(uiLocales, acceptLanguage string) Locale {
	return u.sure().catalogue.match(uiLocales, acceptLanguage)
}

// Locales returns the languages that the pages have, with those of the theme, English first.
func (u *UI) Locales() []string {
	if u.config.TemplateDir == "" {
		return Locales()
	}
	var tags []string
	for _, t := range u.sure().catalogue.tags {
		tags = append(tags, t.String())
	}
	return tags
}

// Locales returns the languages that the program brings, in canonical BCP 47 spelling, English first.
func Locales() []string {
	return []string{"en", "ar", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hans"}
}
