package secret

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idp/internal/idp"
)

func writeList(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBreached_FileIsSearchedAndNobodyAsked(t *testing.T) { // FS-25
	t.Parallel()
	for name, end := range map[string]string{"as downloaded": "\r\n", "Unix lines": "\n"} {
		for _, size := range []int{1, 2, 3, 500} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				t.Parallel()
				var lines []string
				for i := range size {
					lines = append(lines, fmt.Sprintf("%s:%d", hexDigest(fmt.Sprint("breached ", i)), 1+i*i*i))
				}
				slices.Sort(lines)
				for _, last := range []string{end, ""} {
					b, err := NewBreached(BreachedConfig{Mode: BreachedStrict, File: writeList(t, strings.Join(lines, end)+last)})
					if err != nil {
						t.Fatal(err)
					}
					for i := range size {
						if _, err := b.Check(t.Context(), fmt.Sprint("breached ", i)); idp.KindOf(err) != idp.Invalid || err == nil {
							t.Errorf("password %d of the list: got %v, want a refusal", i, err)
						}
					}
					for i := range 200 {
						if _, err := b.Check(t.Context(), fmt.Sprint("unknown ", i)); err != nil {
							t.Errorf("a password that is not in the list: %v", err)
						}
					}
				}
			})
		}
	}
}

func TestBreached_FileThatIsNoList(t *testing.T) { // FS-25
	t.Parallel()
	for name, text := range map[string]string{
		"empty":       "",
		"words":       "password\n123456\n",
		"no count":    hexDigest("a") + "\n",
		"not ordered": strings.Repeat("F", 40) + ":1\n" + strings.Repeat("0", 40) + ":1\n",
		"one line":    strings.Repeat("A", 1<<16),
	} {
		if _, err := NewBreached(BreachedConfig{Mode: BreachedNormal, File: writeList(t, text)}); err == nil || !strings.Contains(err.Error(), "list.txt") {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
	}
	if _, err := NewBreached(BreachedConfig{Mode: BreachedNormal, File: filepath.Join(t.TempDir(), "missing")}); err == nil {
		t.Error("a file that is not there was accepted")
	}
	broken := writeList(t, strings.Repeat("0", 40)+":1\n"+strings.Repeat("rubbish\n", 100)+strings.Repeat("F", 40)+":1\n")
	for mode, want := range map[BreachedMode]idp.Kind{BreachedNormal: idp.KindOf(nil), BreachedStrict: idp.Unavailable} {
		b, err := NewBreached(BreachedConfig{Mode: mode, File: broken})
		if err != nil {
			t.Fatal(err)
		}
		if unchecked, err := b.Check(t.Context(), breachedPassword); idp.KindOf(err) != want || (err == nil) != (unchecked != nil) {
			t.Errorf("%s, broken in the middle: got %v, %v", mode, unchecked, err)
		}
	}
}
