package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
)

// A trace shows where two values that were to be the same differ (peers: a slash costs people hours).
func TestDifference_PointsAtTheFirstLetter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		expected, received string
		at                 int
		why                string // part of it; "" if there is nothing to point at
	}{
		{"https://rp.example/cb", "https://rp.example/cb/", 21, `goes on with "/"`},
		{"https://rp.example/cb/", "https://rp.example/cb", 21, `"/" is missing`},
		{"https://rp.example/cb", "http://rp.example/cb", 4, "http instead of https"},
		{"http://127.0.0.1/cb", "https://127.0.0.1/cb", 4, "https instead of http"},
		{"https://rp.example/Cb", "https://rp.example/cb", 19, "upper and lower case"},
		{"https://rp.example/cb", "https://rp.example:8443/cb", 18, `":8443/cb" instead of "/cb"`},
		{"https://rp.example/ü", "https://rp.example/ü?x", 20, `goes on with "?x"`},
		{"client_secret_basic", "client_secret_post", 14, "instead of"},
		{"a registered client_id", "web", 0, ""},
		{"https://rp.example/cb", "", 0, ""},
		{"same", "same", 0, ""},
	} {
		at, why := difference(tc.expected, tc.received)
		if at != tc.at && tc.why != "" || tc.why == "" && why != "" || !strings.Contains(why, tc.why) {
			t.Errorf("difference(%q, %q): got %d, %q, want %d, %q", tc.expected, tc.received, at, why, tc.at, tc.why)
		}
	}
}

func TestShowTrace_SaysExpectedReceivedAndMendInOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	showTrace(&out, idp.Trace{
		ID: "06h0", At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Endpoint: "authorize", ClientID: "web\x1b[2J", Outcome: "invalid_request",
		Checks: []idp.Check{
			{Name: "client exists and is enabled", OK: true},
			{Name: "redirect_uri is registered", Expected: "https://rp.example/cb", Received: "https://rp.example/cb/", Mend: "Register it.", Clause: "RFC 9700 §4.1.3"},
		},
	}, false)
	want := strings.Join([]string{
		"06h0: a request to authorize from the client web\uFFFD[2J at 2026-11-23T12:00:00Z was answered with invalid_request.",
		"✓ client exists and is enabled",
		"✗ redirect_uri is registered",
		"    expected  https://rp.example/cb",
		"    received  https://rp.example/cb/",
		"                                   ^ what was received goes on with \"/\" here",
		"    mend      Register it.",
		"    see       RFC 9700 §4.1.3",
		"",
	}, "\n")
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
