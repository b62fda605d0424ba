package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"idp/internal/idp"
)

// showTrace prints the checks of one request in their order, and where one did not hold, what was expected beside what came.
func showTrace(w io.Writer, t idp.Trace, colour bool) {
	good, bad := "✓", "✗"
	if colour {
		good, bad = "\x1b[32m✓\x1b[0m", "\x1b[31m✗\x1b[0m"
	}
	of := ""
	if t.ClientID != "" {
		of = " from the client " + printable(t.ClientID)
	}
	fmt.Fprintf(w, "%s: a request to %s%s at %s was answered with %s.\n", t.ID, t.Endpoint, of, showTime(t.At), outcome(t.Outcome))
	for _, c := range t.Checks {
		if c.OK {
			fmt.Fprintf(w, "%s %s\n", good, printable(c.Name))
			continue
		}
		fmt.Fprintf(w, "%s %s\n", bad, printable(c.Name))
		expected, received := printable(c.Expected), printable(c.Received)
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(w, "    %-9s %s\n", name, text)
			}
		}
		line("expected", expected)
		line("received", received)
		if at, why := difference(expected, received); why != "" {
			fmt.Fprintf(w, "    %-9s %s^ %s\n", "", strings.Repeat(" ", at), why)
		}
		line("mend", printable(c.Mend))
		line("see", printable(c.Clause))
	}
}

func outcome(code string) string {
	if code == "ok" {
		return "success"
	}
	return printable(code)
}

// difference points at the first letter in which two values that were to be the same differ, and says what it is about it: people look at a
// missing slash for hours. Texts that only describe what was expected have nothing to point at, and why is empty.
func difference(expected, received string) (at int, why string) {
	if expected == received || !alike(expected, received) {
		return 0, ""
	}
	e, r := []rune(expected), []rune(received)
	for at < len(e) && at < len(r) && e[at] == r[at] {
		at++
	}
	switch rest, more := string(e[at:]), string(r[at:]); {
	case rest == "":
		return at, fmt.Sprintf("what was received goes on with %q here", cutRunes(more))
	case more == "":
		return at, fmt.Sprintf("what was received ends here; %q is missing", cutRunes(rest))
	case strings.EqualFold(expected, received):
		return at, "upper and lower case differ from here"
	case strings.HasPrefix(expected, "https:") && "https"+strings.TrimPrefix(received, "http") == expected:
		return at, "http instead of https"
	case strings.HasPrefix(received, "https:") && "https"+strings.TrimPrefix(expected, "http") == received:
		return at, "https instead of http"
	default:
		return at, fmt.Sprintf("%q instead of %q from here", cutRunes(more), cutRunes(rest))
	}
}

// alike reports whether two texts are two spellings of one value: both addresses, or words that begin or end alike.
func alike(a, b string) bool {
	if strings.Contains(a, "://") && strings.Contains(b, "://") {
		return true
	}
	if strings.ContainsRune(a, ' ') || strings.ContainsRune(b, ' ') {
		return false
	}
	same := 0
	for same < len(a) && same < len(b) && (a[same]|0x20) == (b[same]|0x20) {
		same++
	}
	return same >= 3 && 2*same >= min(utf8.RuneCountInString(a), utf8.RuneCountInString(b))
}

func cutRunes(s string) string {
	const most = 24
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
