package main

import (
	"strings"
	"time"
)

// showTime writes a time as all commands do: UTC, to the second, sortable. No time is nothing.
func showTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// showTimeIf is showTime for a time that may be missing.
func showTimeIf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return showTime(*t)
}

// showList writes a list in one cell.
func showList(list []string) string { return strings.Join(list, " ") }

// showYes writes a mark that is either set or not worth a word.
func showYes(set bool) string {
	if set {
		return "yes"
	}
	return ""
}
