package ui_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"idp/internal/handlers/ui"
)

// catalogues reads the sentences of every language; a plural sentence is its forms, joined.
func catalogues(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("locales/*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("catalogues: got %v, %v, want four or more", files, err)
	}
	all := map[string]map[string]string{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw := map[string]any{}
		if err := json.Unmarshal(body, &raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		one := map[string]string{}
		for id, v := range raw {
			switch v := v.(type) {
			case string:
				one[id] = v
			case map[string]any:
				other, ok := v["other"].(string)
				if !ok {
					t.Errorf("%s: %s has no form “other”", file, id)
				}
				one[id] = other
			}
			if strings.TrimSpace(one[id]) == "" {
				t.Errorf("%s: %s says nothing", file, id)
			}
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = one
	}
	return all
}

func TestCatalogues_HaveTheSameSentencesAndData(t *testing.T) { // FS-54
	t.Parallel()
	all := catalogues(t)
	placeholder := regexp.MustCompile(`\{\{\.\w+\}\}`)
	for lang, one := range all {
		for id, text := range all["en"] {
			if _, ok := one[id]; !ok {
				t.Errorf("%s lacks %s", lang, id)
				continue
			}
			want, got := placeholder.FindAllString(text, -1), placeholder.FindAllString(one[id], -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(got), slices.Compact(want)) {
				t.Errorf("%s %s: got data %v, want %v", lang, id, got, want)
			}
		}
		for id := range one {
			if _, ok := all["en"][id]; !ok {
				t.Errorf("%s has %s, which English lacks", lang, id)
			}
		}
	}
}

// sentencesOfHandlers returns the sentences that Go code chooses: those of messages that a handler names, and of error codes that something answers with.
func sentencesOfHandlers(t *testing.T) map[string]bool {
	t.Helper()
	var said strings.Builder // every file that is neither a test nor a table of sentences
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		table := strings.HasSuffix(path, "ui/message.go") || strings.HasSuffix(path, "ui/failure.go") || strings.HasSuffix(path, "ui/fixtures.go")
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || table {
			return err
		}
		body, err := os.ReadFile(path)
		said.Write(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(file string) string {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`(Msg\w+)\s+= "([^"]+)"`).FindAllStringSubmatch(read("message.go"), -1) {
		if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(said.String()) {
			t.Errorf("%s is named by no handler", m[1])
		}
		used[m[2]] = true
	}
	failures := read("failure.go")
	for _, m := range regexp.MustCompile(`\{("\w+"|idp\.\w+), "(error[^"]+)", "(error[^"]+)"\}`).FindAllStringSubmatch(failures, -1) {
		if byStatus := "return " + m[1]; !strings.Contains(said.String(), m[1]) && !strings.Contains(failures, byStatus) {
			t.Errorf("nothing answers with the error %s", m[1])
		}
		used[m[2]], used[m[3]] = true, true
	}
	return used
}

func TestCatalogues_TemplatesUseKnownSentencesAndAllAreUsed(t *testing.T) {
	t.Parallel()
	english := catalogues(t)["en"]
	used := sentencesOfHandlers(t)
	call := regexp.MustCompile(`\.T "([^"]+)"`)
	quoted := regexp.MustCompile(`"((?:scope|wait|problem)\.[a-z_.]+)"`)
	files, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "frame.go", "consent.go") {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pattern := call
		if strings.HasSuffix(file, ".go") {
			pattern = quoted
		}
		for _, m := range pattern.FindAllSubmatch(body, -1) {
			used[string(m[1])] = true
		}
		// Words outside the catalogue: a text node with letters that is no action.
		if strings.HasSuffix(file, ".html") {
			text := regexp.MustCompile(`(?s)\{\{.*?\}\}|<!--.*?-->|<[^>]*>|\bautofocus\b|\bidp trace\b|&[a-z]+;`).ReplaceAllString(string(body), "\n")
			if word := regexp.MustCompile(`[A-Za-z]{2,}.*`).FindString(text); word != "" {
				t.Errorf("%s: got the words %q, want them in the catalogue", file, word)
			}
		}
	}
	for id := range used {
		if _, ok := english[id]; !ok {
			t.Errorf("sentence %s is used and in no catalogue", id)
		}
	}
	for id := range english {
		if !used[id] {
			t.Errorf("sentence %s is in the catalogues and used nowhere", id)
		}
	}
}

func TestLocalizer_HearsWishesInTheirOrder(t *testing.T) { // FL-17
	t.Parallel()
	u := newUI(t, nil)
	for name, c := range map[string]struct{ uiLocales, accept, want string }{
		"nothing":                    {"", "", "en"},
		"the application first":      {"fr", "es", "fr"},
		"then the browser":           {"", "es-MX,es;q=0.9,en;q=0.5", "es"},
		"fi is passed over":          {"fi en", "de", "en"},
		"unknown falls to the next":  {"fi", "de", "de"},
		"regions match":              {"de-AT", "", "de"},
		"case and underscore":        {"FR_ca", "", "fr"},
		"no tag at all":              {"!!! \x00 a--b §", ";;q=x", "en"},
		"Chinese of the mainland":    {"", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"},
		"Chinese of Taiwan":          {"", "zh-TW,zh;q=0.9,en;q=0.8", "zh-Hans"},
		"Chinese of Taiwan, English": {"", "zh-TW,en;q=0.8", "en"},
		"Portuguese of Portugal":     {"", "pt-PT,pt;q=0.9,en;q=0.8", "pt-BR"},
		"Arabic of Egypt":            {"", "ar-EG", "ar"},
		"Flemish":                    {"", "nl-BE", "nl"},
		"quality counts":             {"", "de;q=0.1, fr;q=0.9", "fr"},
		"longer than anybody speaks": {strings.Repeat("xx-yy ", 5000), strings.Repeat("a", 90000), "en"},
		"tag nobody registered":      {"x-klingon qaa", "*", "en"},
	} {
		if got := u.Localizer(c.uiLocales, c.accept).Tag(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestLocales_AreThoseOfTheCatalogues(t *testing.T) {
	t.Parallel()
	got := ui.Locales()
	// With a theme, be it empty, the catalogues are read to know.
	if want := newUI(t, func(c *ui.Config) { c.TemplateDir = t.TempDir() }).Locales(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, tag := range got {
		if want := language.MustParse(tag).String(); tag != want {
			t.Errorf("got %q, want the canonical %q", tag, want)
		}
	}
}

func TestFixtures_SayEverythingInEveryLanguage(t *testing.T) { // FS-54
	t.Parallel()
	u := newUI(t, nil)
	for _, tag := range ui.Locales() {
		locale := u.Localizer(tag, "")
		if got := locale.Tag(); got != tag {
			t.Errorf("%s: got the language %s", tag, got)
		}
		for _, f := range ui.Fixtures() {
			f.Page.Locale = locale
			w := render(u, f.Page)
			if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, "{{") || !strings.Contains(body, `<html lang="`+tag+`" dir="`+locale.Dir()+`">`) {
				t.Errorf("%s in %s: got %d: %s", f.Name, tag, w.Code, body)
			}
		}
		// Counts that the languages' plural rules tell apart.
		for _, n := range []int{1, 2, 3, 5, 11, 12, 21, 22, 25, 90, 100, 102} {
			w := render(u, ui.Page{Locale: locale, View: ui.Loop{Count: n, Window: time.Duration(n) * time.Second}})
			if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, "{{") {
				t.Errorf("%d in %s: got %d: %s", n, tag, w.Code, body)
			}
		}
	}
}

func TestWait_HasTheFormOfTheCount(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	for _, c := range []struct {
		tag  string
		wait time.Duration
		want string
	}{
		{"pl", time.Minute, "1 minutę"},
		{"pl", 3 * time.Minute, "3 minuty"},
		{"pl", 5 * time.Minute, "5 minut"},
		{"pl", 22 * time.Minute, "22 minuty"},
		{"ar", time.Minute, "دقيقة واحدة"},
		{"ar", 2 * time.Minute, "دقيقتين"},
		{"ar", 3 * time.Minute, "3 دقائق"},
		{"ar", 11 * time.Minute, "11 دقيقة"},
		{"ja", time.Minute, "1 分"},
		{"zh-Hans", 2 * time.Hour, "2 小时"},
		{"pt-BR", 2 * time.Hour, "2 horas"},
	} {
		view := ui.Login{Form: ui.Form{CSRF: "x"}, RetryAfter: c.wait}
		if body := render(u, ui.Page{Locale: u.Localizer(c.tag, ""), View: view}).Body.String(); !strings.Contains(body, c.want) {
			t.Errorf("%s, %s: got no %q in %s", c.tag, c.wait, c.want, body)
		}
	}
}

func TestNames_StandApartInASentenceFromRightToLeft(t *testing.T) {
	t.Parallel()
	u := newUI(t, nil)
	view := ui.Consent{Form: ui.Form{CSRF: "x"}, Client: &ui.Client{Name: "Notes (beta)"}, Account: ui.Account{Name: "a", Identifier: "a"}}
	body := render(u, ui.Page{Locale: u.Localizer("ar", ""), View: view}).Body.String()
	for _, want := range []string{"\u2068Notes (beta)\u2069", "<bdi>Notes (beta)</bdi>", `dir="rtl"`} {
		if !strings.Contains(body, want) {
			t.Errorf("got no %q in %s", want, body)
		}
	}
}

func FuzzLocalizer(f *testing.F) {
	f.Add("\xff "+strings.Repeat("-", 600), "*;q=2")
	u, err := ui.New(ui.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, uiLocales, accept string) {
		if got := u.Localizer(uiLocales, accept).Tag(); !slices.Contains(ui.Locales(), got) {
			t.Errorf("got %q, want one of %v", got, ui.Locales())
		}
	})
}

func TestSay_UnknownSentenceBecomesTheGeneralOne(t *testing.T) {
	t.Parallel()
	body := render(newUI(t, nil), ui.Page{View: ui.Login{Form: ui.Form{CSRF: "x"}, Problems: ui.Problems{{Message: ui.Say("no.such")}}}}).Body.String()
	if want := "Something is not right."; !strings.Contains(body, want) {
		t.Errorf("got no %q in %s", want, body)
	}
}

func TestClientName_CannotTurnTheSentence(t *testing.T) {
	t.Parallel()
	view := ui.Consent{Form: ui.Form{CSRF: "x"}, Client: &ui.Client{Name: "\u202egro.knab"}, Account: ui.Account{Name: "a", Identifier: "a"}}
	body := render(newUI(t, nil), ui.Page{View: view}).Body.String()
	title := regexp.MustCompile(`<title>[^<]*`).FindString(body)
	if strings.Contains(title, "\u202e") {
		t.Errorf("got %q, want no override in a sentence", title)
	}
	view.Client = &ui.Client{Name: "بنك"}
	body = render(newUI(t, nil), ui.Page{View: view}).Body.String()
	if want := "\u2068بنك\u2069"; !strings.Contains(body, want) {
		t.Errorf("got no isolated %q in %s", want, body)
	}
}
