package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelp_FitsTheTerminal(t *testing.T) {
	t.Parallel()
	const text = `One paragraph that has been broken where its author's window ended, which is far beyond what
a terminal of eighty columns shows.

Try:   this
Or:    that

Flags:
      --data-dir string       the folder for what the server keeps on disk: the SQLite database, the key ring
  idp client create web --name "My application" --redirect-uri https://app.example.com/
  -q, --quiet                 print only ids
      --a-very-long-name-of-a-flag-that-leaves-no-room key=value   what it says goes on a little to the right
      https://example.com/` + "a-word-that-is-longer-than-the-window-is-wide-and-cannot-be-broken-anywhere"
	const want = `One paragraph that has been broken where its author's window
ended, which is far beyond what a terminal of eighty columns
shows.

Try:   this
Or:    that

Flags:
      --data-dir string       the folder for what the server
                              keeps on disk: the SQLite
                              database, the key ring
  idp client create web --name "My application" --redirect-uri https://app.example.com/
  -q, --quiet                 print only ids
      --a-very-long-name-of-a-flag-that-leaves-no-room
          key=value   what it says goes on a little to the
          right
      https://example.com/` + "a-word-that-is-longer-than-the-window-is-wide-and-cannot-be-broken-anywhere"
	if got := wrapped(text, 60); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := wrapped(text, 1000); got != text {
		t.Errorf("a wide window: got\n%s\nwant it as it is", got)
	}
	for line := range strings.SplitSeq(wrapped(strings.Repeat("Zeilenumbrüche ", 40), 80), "\n") {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("got %d characters, want at most 80: %s", n, line)
		}
	}
}
