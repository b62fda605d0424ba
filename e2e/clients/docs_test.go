package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	excerpt  = regexp.MustCompile("(?s)<!-- (e2e/\\S+) -->\n```[a-z]+\n(.*?)```")
	commands = regexp.MustCompile("(?s)```sh\n(.*?)```")
)

// recipes returns the pages of docs/apps by their names.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "apps", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find docs/apps: %d pages, %v", len(files), err)
	}
	pages := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = string(text)
	}
	return pages
}

// What the recipes show is what the tests run. A line with "…" alone stands for what was left out.
func TestDocs_ExcerptsAreTheTestedCode(t *testing.T) { // RP-15
	t.Parallel()
	cited := map[string]bool{}
	for name, page := range recipes(t) {
		for _, found := range excerpt.FindAllStringSubmatch(page, -1) {
			source, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(found[1])))
			if err != nil {
				t.Errorf("docs/apps/%s: %v", name, err)
				continue
			}
			cited[found[1]] = true
			for piece := range strings.SplitSeq(strings.ReplaceAll(found[2], "// …\n", "# …\n"), "# …\n") {
				if !strings.Contains(string(source), piece) {
					t.Errorf("docs/apps/%s shows what is not in %s any more:\n%s", name, found[1], piece)
				}
			}
		}
	}
	if want := len(plain()) + 2; len(cited) != want { // and node/flows.mjs, node/asks.mjs
		t.Errorf("the recipes cite %d applications, want %d: one for each library", len(cited), want)
	}
}

// The commands of the recipes run, and give the application what its page promises.
func TestDocs_CommandsRegisterTheClients(t *testing.T) {
	t.Parallel()
	for name, page := range recipes(t) {
		for _, found := range commands.FindAllStringSubmatch(page, -1) {
			words := strings.Fields(strings.NewReplacer("\\\n", " ", `"`, "").Replace(found[1]))
			if len(words) < 4 || !slices.Equal(words[:3], []string{"idp", "client", "create"}) {
				t.Errorf("docs/apps/%s: the command %q is not one that this test can run", name, found[1])
				continue
			}
			said := suite.site.Run(t, words[1:]...)
			for i, word := range words {
				if word == "--redirect-uri" && !strings.Contains(said, words[i+1]) {
					t.Errorf("docs/apps/%s: idp client create answers %q, want it to name %s", name, said, words[i+1])
				}
			}
		}
	}
}
