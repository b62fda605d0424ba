package gallery

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idp/e2e/browser"
	"idp/internal/handlers/ui"
)

// serve shows every fixture at its name, and the static files.
func serve(t *testing.T, brand ui.Brand) *httptest.Server {
	t.Helper()
	u, err := ui.New(ui.Config{Brand: brand})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", u.Static())
	mux.Handle("/", ui.Gallery(u))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func sampleBrand() ui.Brand {
	return ui.Brand{
		Name: "Example ID", PrivacyURL: "https://id.example.com/privacy", TermsURL: "https://id.example.com/terms",
		SupportURL: "mailto:help@example.com",
	}
}

func TestPages_AreAccessibleInEveryStateSchemeAndWidth(t *testing.T) { // dependencies.md §4, WCAG 2.2 AA
	t.Parallel()
	server := serve(t, sampleBrand())
	tab := browser.New(t)
	looks := map[string][]browser.Option{
		"light 320":  {browser.ReducedMotion(), browser.Size(320, 800)},
		"light 1280": {browser.ReducedMotion(), browser.Size(1280, 800)},
		"dark 320":   {browser.ReducedMotion(), browser.Size(320, 800), browser.Dark()},
		"dark 1280":  {browser.ReducedMotion(), browser.Size(1280, 800), browser.Dark()},
	}
	for _, f := range ui.Fixtures() {
		tab.Goto(server.URL + "/" + f.Name)
		for name, look := range looks {
			tab.Look(look...)
			for _, v := range tab.Axe() {
				t.Errorf("%s, %s: %s (%s): %s\n\t%s", f.Name, name, v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n\t"))
			}
			if browser.Eval[bool](tab, "document.documentElement.scrollWidth > innerWidth") {
				t.Errorf("%s, %s: the page is wider than the window", f.Name, name)
			}
			if small := browser.Eval[[]string](tab, smallTargets); len(small) > 0 {
				t.Errorf("%s, %s: got targets below 24 pixels: %v (WCAG 2.5.8)", f.Name, name, small)
			}
			if small := browser.Eval[[]string](tab, smallInputs); len(small) > 0 {
				t.Errorf("%s, %s: got inputs below 16 pixels, into which iOS zooms: %v", f.Name, name, small)
			}
		}
		if got := tab.Console(); len(got) > 0 {
			t.Errorf("%s: got %q on the console, want nothing", f.Name, got)
		}
	}
}

const smallTargets = `[...document.querySelectorAll("a, button, label.check")].filter(e => {
	const r = e.getBoundingClientRect(); return r.width > 0 && r.height < 24 && !e.closest(".alert") }).map(e => e.id || e.outerHTML)`

const smallInputs = `[...document.querySelectorAll("input:not([type=checkbox]):not([type=hidden])")].filter(e =>
	parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.id)`

func TestPages_AreAccessibleWithAnyAccent(t *testing.T) {
	t.Parallel()
	tab := browser.New(t)
	for _, accent := range []string{"#ffe600", "#ff5c9a", "#0000ff", "#101010"} {
		brand := sampleBrand()
		brand.Accent = accent
		server := serve(t, brand)
		for _, page := range []string{"/login/wrong-password", "/consent"} {
			tab.Goto(server.URL + page)
			// Without movement: axe would measure a colour on its way from one scheme to the other.
			for _, look := range [][]browser.Option{{browser.ReducedMotion()}, {browser.ReducedMotion(), browser.Dark()}} {
				tab.Look(look...)
				for _, v := range tab.Axe() {
					t.Errorf("%s %s: %s: %s\n\t%s", accent, page, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
				}
			}
		}
	}
}

func TestAxe_FindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><input><script>document.title = "ran"</script>`))
	}))
	t.Cleanup(server.Close)
	tab := browser.New(t)
	tab.Goto(server.URL)
	rules := map[string]bool{}
	for _, v := range tab.Axe() {
		rules[v.ID] = true
	}
	if !rules["label"] || !rules["html-has-lang"] {
		t.Errorf("got %v, want label and html-has-lang in it", rules)
	}
	if got := strings.Join(tab.Console(), "\n"); !strings.Contains(got, "Content Security Policy") {
		t.Errorf("got %q on the console, want a refused script", got)
	}
}

// posted is a server that shows one page and keeps what is posted to it.
func posted(t *testing.T, page ui.Page) (*httptest.Server, chan string) {
	t.Helper()
	u, err := ui.New(ui.Config{Brand: sampleBrand()})
	if err != nil {
		t.Fatal(err)
	}
	forms := make(chan string, 4)
	mux := http.NewServeMux()
	mux.Handle("/static/", u.Static())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			u.Render(w, page, http.StatusOK)
			return
		}
		if err := r.ParseForm(); err != nil {
			t.Errorf("form: %v", err)
		}
		forms <- r.URL.Path + " " + r.PostForm.Encode()
		u.Render(w, ui.Page{View: ui.SignedOut{}}, http.StatusOK)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server, forms
}

// fixture returns the page of this name.
func fixture(t *testing.T, name string) ui.Page {
	t.Helper()
	for _, f := range ui.Fixtures() {
		if f.Name == name {
			return f.Page
		}
	}
	t.Fatalf("no fixture %s", name)
	return ui.Page{}
}

func TestPages_FormsWorkWithoutScript(t *testing.T) {
	t.Parallel()
	first := browser.New(t, browser.NoScript())
	for name, c := range map[string]struct {
		page string
		fill [][2]string
		push string
		want string
	}{
		"sign in":          {"login", [][2]string{{"#identifier", "ada@example.com"}, {"#password", "correct horse"}}, "#submit-login", "/login csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&identifier=ada%40example.com&password=correct+horse"},
		"stay signed in":   {"login/wrong-password", [][2]string{{"#password", "x"}}, "#submit-login", "/login csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&identifier=ada%40example.com&password=x&remember=1"},
		"provider":         {"login", nil, "#upstream-google", "/login/upstream/google csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"give up":          {"login", nil, "#cancel-login", "/login action=cancel&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"continue as":      {"login/select-account", nil, "#continue-account", "/login action=continue&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"another account":  {"login/select-account", nil, "#use-another-account", "/login action=switch&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"prove again":      {"login/reauthenticate", [][2]string{{"#password", "x"}}, "#submit-login", "/login csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&identifier=ada%40example.com&password=x"},
		"allow":            {"consent", nil, "#allow", "/consent account=&action=allow&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&scopes=openid+profile+email+offline_access"},
		"deny":             {"consent", nil, "#deny", "/consent account=&action=deny&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&scopes=openid+profile+email+offline_access"},
		"not you":          {"consent", nil, "#not-you", "/consent action=switch&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"sign out":         {"logout", nil, "#confirm-logout", "/logout action=confirm&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"stay":             {"logout", nil, "#cancel", "/logout action=cancel&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"link":             {"link", [][2]string{{"#password", "x"}}, "#submit-link", "/login/link csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&identifier=ada%40example.com&password=x"},
		"do not link":      {"link", nil, "#cancel-link", "/login/link action=cancel&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"sign out at home": {"home", nil, "#sign-out", "/logout action=confirm&csrf=csrf-5Yq0d8uJ"},
		"create an account": {
			"register",
			[][2]string{{"#email", "a@example.com"}, {"#username", "ada"}, {"#password", "long enough words"}, {"#password_again", "long enough words"}},
			"#submit-register",
			"/register csrf=csrf-5Yq0d8uJ&email=a%40example.com&i=0198c5c2a7b07d1f&password=long+enough+words&password_again=long+enough+words&username=ada",
		},
		"create no account": {"register", nil, "#cancel-register", "/register action=cancel&csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f"},
		"set up": {
			"setup",
			[][2]string{{"#token", "T0"}, {"#name", "Ada"}, {"#email", "a@example.com"}, {"#password", "long enough words"}},
			"#submit-setup",
			"/setup csrf=csrf-5Yq0d8uJ&email=a%40example.com&name=Ada&password=long+enough+words&token=T0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, forms := posted(t, fixture(t, c.page))
			tab := first.Tab(t, browser.NoScript(), browser.Size(320, 640))
			tab.Goto(server.URL + "/")
			for _, f := range c.fill {
				tab.Fill(f[0], f[1])
			}
			if got := tab.Follow(c.push); got != http.StatusOK {
				t.Errorf("status: got %d, want 200", got)
			}
			if got := <-forms; got != c.want {
				t.Errorf("posted: got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLogin_EnterSubmitsAndFocusIsWhereItHelps(t *testing.T) {
	t.Parallel()
	first := browser.New(t)
	for page, want := range map[string]string{
		"login": "identifier", "login/hint": "password", "login/wrong-password": "error-summary", "login/throttled": "error-summary",
		"login/reauthenticate": "password", "login/select-account": "continue-account", "link": "password", "setup": "token", "setup/wrong": "error-summary",
		"register": "email", "register/hint": "password", "register/address-taken": "error-summary", "register/throttled": "error-summary",
	} {
		server, _ := posted(t, fixture(t, page))
		tab := first.Tab(t)
		tab.Goto(server.URL + "/")
		tab.WaitVisible("#" + want + ":focus")
	}
	server, forms := posted(t, fixture(t, "login"))
	tab := first.Tab(t)
	tab.Goto(server.URL + "/")
	tab.Fill("#identifier", "ada")
	tab.Fill("#password", "secret\r")
	if got, want := <-forms, "/login csrf=csrf-5Yq0d8uJ&i=0198c5c2a7b07d1f&identifier=ada&password=secret"; got != want {
		t.Errorf("posted: got %q, want %q", got, want)
	}
}

func TestSetup_TokenComesFromTheFragmentAndLeavesTheAddress(t *testing.T) {
	t.Parallel()
	server, _ := posted(t, fixture(t, "setup"))
	tab := browser.New(t)
	tab.Goto(server.URL + "/setup#token=AB-12")
	tab.WaitVisible("#name:focus")
	if got := tab.Value("#token"); got != "AB-12" {
		t.Errorf("token: got %q, want AB-12", got)
	}
	if got, want := tab.URL(), server.URL+"/setup"; got != want {
		t.Errorf("address: got %q, want %q", got, want)
	}
}

func TestFormPost_SendsItselfOrByItsButton(t *testing.T) { // OAuth 2.0 Form Post Response Mode §2
	t.Parallel()
	first := browser.New(t)
	for name, opts := range map[string][]browser.Option{"script": nil, "no script": {browser.NoScript()}} {
		t.Run(name, func(t *testing.T) {
			app, forms := posted(t, ui.Page{View: ui.SignedOut{}})
			page := fixture(t, "form-post")
			view, ok := page.View.(ui.FormPost)
			if !ok {
				t.Fatalf("fixture: got %T, want FormPost", page.View)
			}
			view.URL = strings.Replace(app.URL, "127.0.0.1", "localhost", 1) + "/cb"
			page.View = view
			server, _ := posted(t, page)
			tab := first.Tab(t, opts...)
			tab.Goto(server.URL + "/")
			if opts != nil {
				tab.Follow("#submit-response")
			}
			if got, want := <-forms, "/cb code=SplxlOBeZQQYbYS6WxSbIA&state=%22%3E%3Cb%3E"; got != want {
				t.Errorf("posted: got %q, want %q", got, want)
			}
		})
	}
}

func TestContinue_LeadsAPostToAnotherOriginThroughRedirects(t *testing.T) { // dependencies.md §0.5
	t.Parallel()
	first := browser.New(t)
	third := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><p id="arrived">here</p>`))
	}))
	t.Cleanup(third.Close)
	app := httptest.NewServer(http.RedirectHandler(third.URL+"/end", http.StatusSeeOther))
	t.Cleanup(app.Close)
	u, err := ui.New(ui.Config{})
	if err != nil {
		t.Fatal(err)
	}
	consent := fixture(t, "consent")
	away := strings.Replace(app.URL, "127.0.0.1", "localhost", 1) + "/cb?code=1"
	mux := http.NewServeMux()
	mux.Handle("/static/", u.Static())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodPost:
			u.Render(w, consent, http.StatusOK)
		case r.FormValue("action") == "allow":
			u.Render(w, ui.Page{View: ui.Continue{URL: away, Name: "App"}}, http.StatusOK)
		default:
			http.Redirect(w, r, away, http.StatusSeeOther)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, opts := range [][]browser.Option{nil, {browser.NoScript()}} {
		tab := first.Tab(t, opts...)
		tab.Goto(server.URL + "/")
		tab.Click("#allow")
		tab.WaitURL(third.URL + "/end")
	}
	// What the page is for: without it the browser stays.
	tab := first.Tab(t)
	tab.Goto(server.URL + "/")
	tab.Click("#deny")
	tab.WaitVisible("#deny")
	if got := tab.URL(); strings.HasPrefix(got, third.URL) {
		t.Errorf("a redirect from a form: got %s, want it refused by form-action 'self'", got)
	}
}

func TestPages_ZoomedTo400PercentFit(t *testing.T) { // WCAG 1.4.10: 1280 by 1024 at 400 % is 320 by 256
	t.Parallel()
	server := serve(t, sampleBrand())
	tab := browser.New(t, browser.Size(320, 256))
	for _, page := range []string{"login/several-providers", "consent/hostile-application", "error/redirect-uri-de", "setup/wrong", "register/wrong-es", "login/registration-open-de"} {
		tab.Goto(server.URL + "/" + page)
		if got := browser.Eval[int](tab, "document.documentElement.scrollWidth"); got > 320 {
			t.Errorf("%s: got %d pixels, want at most 320", page, got)
		}
	}
}

func TestPages_TellWhatIsWrongWithoutColours(t *testing.T) { // WCAG 1.4.1
	t.Parallel()
	tab := browser.New(t, browser.ForcedColours())
	tab.Goto(serve(t, sampleBrand()).URL + "/register/wrong")
	width := `getComputedStyle(document.querySelector("%s")).borderTopWidth`
	wrong, right := strings.Replace(width, "%s", "#email", 1), strings.Replace(width, "%s", "#password_again", 1)
	if wrong, right := browser.Eval[string](tab, wrong), browser.Eval[string](tab, right); wrong != "3px" || right != "1px" {
		t.Errorf("borders with forced colours: got %s for a field that is wrong and %s for another, want 3px and 1px", wrong, right)
	}
}

// shown are the pages whose pictures are kept in docs/screenshots.
func shown() []string {
	return []string{
		"login", "consent", "device", "device/given", "device-confirm", "device-done", "approvals", "logout", "signed-out", "continue", "error/redirect-uri",
		"home", "link", "upstream-failed", "loop", "setup", "register", "register/address-taken", "login/step-up-upstream", "login-ar", "consent-ar",
	}
}

func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("run with -screenshots DIR to write a picture of each page")
	}
	server := serve(t, sampleBrand())
	first := browser.New(t)
	for name, opts := range map[string][]browser.Option{
		"light": {browser.Size(880, 720)}, "dark": {browser.Size(880, 720), browser.Dark()}, "narrow": {browser.Size(320, 640)},
	} {
		tab := first.Tab(t, append(opts, browser.ReducedMotion())...)
		for _, page := range shown() {
			tab.Goto(server.URL + "/" + page)
			file := filepath.Join(*screenshots, strings.ReplaceAll(page, "/", "-")+"-"+name+".png")
			tab.Screenshot(file)
			shrink(t, file)
		}
	}
}

// shrink rewrites a picture with its 256 commonest colours, which is a third of the size and looks the same.
func shrink(t *testing.T, file string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	full, err := png.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.RGBA]int{}
	bounds := full.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if c, ok := color.RGBAModel.Convert(full.At(x, y)).(color.RGBA); ok {
				seen[c]++
			}
		}
	}
	common := slices.SortedFunc(maps.Keys(seen), func(a, b color.RGBA) int {
		return cmp.Or(seen[b]-seen[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var palette color.Palette
	for _, c := range common[:min(256, len(common))] {
		palette = append(palette, c)
	}
	small := image.NewPaletted(bounds, palette)
	draw.Draw(small, bounds, full, bounds.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
