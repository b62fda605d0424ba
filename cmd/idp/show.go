package main

import (
	"strconv"
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

// showDuration writes a duration without zeros: 10m, 24h, 30d.
func showDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// showYes writes a mark that is either set or not worth a word.
func showYes(set bool) string {
	if set {
		return "yes"
	}
	return ""
}

// showCount shows how much of something is used.
func showCount(used, most int64) string {
	return strconv.FormatInt(used, 10) + "/" + strconv.FormatInt(most, 10)
}
