package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"idp/internal/client"
	"idp/internal/idp"
)

// People read the sentence, and of several all; what it was wrapped in is for the log.
func TestTell_SaysTheSentencesOfAllFaults(t *testing.T) {
	t.Parallel()
	a, b := idp.Invalidf("a", "A is wrong."), &idp.Error{Kind: idp.Invalid, Message: "B is wrong.", Err: errors.New("cause")}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errors.New("disk full"), "disk full"},
		{fmt.Errorf("create client x: %w", b), "B is wrong."},
		{errors.Join(a), "A is wrong."},
		{fmt.Errorf("create: %w", errors.Join(a, fmt.Errorf("below: %w", b))), "2 things are wrong:\n  A is wrong.\n  B is wrong."},
		{errors.Join(a, errors.Join(b, a)), "3 things are wrong:\n  A is wrong.\n  B is wrong.\n  A is wrong."},
		{errors.Join(a, errors.New("disk full")), "A is wrong.\ndisk full"},
		{fmt.Errorf("%w: %w", idp.ErrUnavailable, errors.New("refused")), "unavailable: refused"},
	} {
		if got := tell(tc.err); got != tc.want {
			t.Errorf("tell(%v): got %q, want %q", tc.err, got, tc.want)
		}
	}
}

// Texts of strangers do nothing to a terminal, whichever way they are shown; as JSON they still say the same.
func TestOutput_ATerminalHasNothingToObey(t *testing.T) {
	t.Parallel()
	hostile := "a\x1b[2Jb\u009b31mc\u202egnp.exe\u2066d\u200ee\u061cf\u2028g\x7fh\r\n"
	shows := func(how, text string) {
		for _, r := range strings.TrimSuffix(text, "\n") {
			if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' {
				t.Errorf("%s: got %q, want nothing that a terminal obeys", how, text)
			}
		}
	}
	var out, said bytes.Buffer
	a := &app{out: &out, err: &said}
	v := []struct {
		Name string `json:"name"`
	}{{hostile}}
	for _, format := range []string{formatTable, formatJSON, formatName} {
		out.Reset()
		o := &output{w: &out, format: format}
		if err := o.object(v, func() { o.table([]string{"NAME"}, [][]string{{hostile}}) }); err != nil {
			t.Fatal(err)
		}
		shows(format, out.String())
		if format != formatJSON {
			continue
		}
		read := v[:0:0]
		if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read) != 1 || read[0].Name != hostile {
			t.Errorf("read back: got %+v, %v, want the same text", read, err)
		}
	}
	a.say("The application %s is gone.", hostile)
	a.report(errors.New("no answer from " + hostile))
	shows("on the error stream", said.String())
}

func TestPrivateFile_IsWholeAndPrivateAndReplacesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := writePrivate(path, "one"); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(path, "two"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: got %v, want fs.ErrExist", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one" {
		t.Errorf("got %q, %v, want it untouched", got, err)
	}
	if err := replacePrivate(path, "two"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if err != nil || serr != nil || string(got) != "two" || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q, mode %v, %v, want two and 0600", got, info.Mode(), errors.Join(err, serr))
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want no file left behind", entries, err)
	}
	if err := writePrivate(filepath.Join(path, "below"), "x"); err == nil {
		t.Error("a folder that is none: got no error")
	}
}

func TestDurations_AreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		d    time.Duration
		text string
	}{
		{90 * time.Second, "1m30s"}, {10 * time.Minute, "10m"}, {time.Hour, "1h"}, {24 * time.Hour, "24h"}, {30 * 24 * time.Hour, "30d"}, {36*time.Hour + time.Minute, "36h1m"}, {0, "0s"},
	} {
		if got := showDuration(tc.d); got != tc.text {
			t.Errorf("showDuration(%v): got %q, want %q", tc.d, got, tc.text)
		}
		if got, err := readDuration(tc.text); err != nil || got != tc.d {
			t.Errorf("readDuration(%q): got %v, %v, want %v", tc.text, got, err, tc.d)
		}
	}
	if got, err := readDuration("1d12h"); err != nil || got != 36*time.Hour {
		t.Errorf("1d12h: got %v, %v", got, err)
	}
	for _, text := range []string{"", "d", "-1d", "10", "99999999d", "1dx"} {
		if got, err := readDuration(text); err == nil {
			t.Errorf("readDuration(%q): got %v, want an error", text, got)
		}
	}
}

func TestChangeLines_ListsByEntry(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		change client.Change
		want   []string
	}{
		{client.Change{Field: "scopes", From: `["openid","email"]`, To: `["openid","profile"]`}, []string{"    - scopes: email", "    + scopes: profile"}},
		{client.Change{Field: "scopes", From: `["a","b"]`, To: `["b","a"]`}, []string{`    - scopes: ["a","b"]`, `    + scopes: ["b","a"]`}},
		{client.Change{Field: "trusted", From: "", To: "true"}, []string{"    + trusted: true"}},
		{client.Change{Field: "client_name", From: `"a"`, To: `"b\u001b[2J"`}, []string{`    - client_name: "a"`, `    + client_name: "b\u001b[2J"`}},
	} {
		if got := changeLines(tc.change); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: got %q, want %q", tc.change, got, tc.want)
		}
	}
}

func TestKeyring_TwoProcessesThatStartTogetherShareOne(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp("", formatTable)
	c, err := loadFor(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(c); err != nil {
		t.Fatal(err)
	}
	actives := make(chan string)
	for range 8 {
		go func() {
			ring, err := loadKeyring(c, a.commandLogger())
			if err != nil {
				actives <- err.Error()
				return
			}
			actives <- ring.Active()
		}()
	}
	first := <-actives
	for range 7 {
		if got := <-actives; got != first {
			t.Errorf("got key %s and %s, want one", first, got)
		}
	}
}
