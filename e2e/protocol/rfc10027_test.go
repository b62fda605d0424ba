package protocol

// RFC 10027, Best Current Practice for Security of Cross-Device Flows: what holds for devices (RFC 8628) and CIBA alike.

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"idp/e2e/server"
	"idp/e2e/walk"
)

// What a person was talked into can be taken back: the operator forgets it, and all that was issued ends at once (RFC 10027 §6.1.6).
func TestCrossDevice_WhatWasAllowedIsTakenBack(t *testing.T) {
	t.Parallel()
	for _, e := range everywhereElse() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			u := s.user(t)
			began := e.begin(t, s, u, nil).want(http.StatusOK)
			p, suffix := e.question(s, s.browser(t), u, began)
			p.submit("allow" + suffix)
			got := e.poll(t, s, began, nil).tokens()
			if active := s.introspect(t, server.Payments(), got.access).want(http.StatusOK).json["active"]; active != true {
				t.Fatalf("the token is active: %v", active)
			}
			s.Run(t, "user", "grants", u.Email, "--revoke", server.Payments().ID, "--yes")
			for name, token := range map[string]string{"access token": got.access, "refresh token": got.refresh} {
				if a := s.introspect(t, server.Payments(), token).want(http.StatusOK); a.json["active"] != false {
					t.Errorf("the %s is still good: %s", name, a.body)
				}
			}
			s.token(t, usual(server.Payments()), "grant_type", "refresh_token", "refresh_token", got.refresh).wantError(http.StatusBadRequest, "invalid_grant")
		})
	}
}

// To say no is as easy as to say yes, and whoever did not begin this is told to (RFC 10027 §6.1.14).
func TestCrossDevice_NoIsAsEasyAsYes(t *testing.T) {
	t.Parallel()
	for _, e := range everywhereElse() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			u := s.user(t)
			began := e.begin(t, s, u, nil).want(http.StatusOK)
			p, suffix := e.question(s, s.browser(t), u, began)
			allow, deny := p.element("allow"+suffix), p.element("deny"+suffix)
			if allow == nil || deny == nil {
				t.Fatalf("want both answers, got %s", p.describe())
			}
			if allow.Data != "button" || deny.Data != "button" || allow.Parent != deny.Parent || walk.Attribute(allow, "class") != walk.Attribute(deny, "class") {
				t.Errorf("yes is a %s %q and no a %s %q: one stands out", allow.Data, walk.Attribute(allow, "class"), deny.Data, walk.Attribute(deny, "class"))
			}
			for _, kind := range []string{"button", "input"} {
				for _, n := range p.all(kind) {
					for _, a := range n.Attr {
						if a.Key == "autofocus" {
							t.Errorf("#%s is answered by whoever hits a key", walk.Attribute(n, "id"))
						}
					}
				}
			}
			if warning := strings.ToLower(p.text("beware")); !strings.Contains(warning, "deny") || !strings.Contains(warning, "yourself") {
				t.Errorf("#beware says %q, want it to tell whoever did not begin this to deny", warning)
			}
			p.submit("deny" + suffix)
			e.poll(t, s, began, nil).wantError(http.StatusBadRequest, "access_denied")
		})
	}
}

// A code and a question end soon, and what is issued lives no longer than elsewhere (RFC 10027 §6.1.2, §6.1.10).
func TestCrossDevice_NothingLivesLong(t *testing.T) {
	t.Parallel()
	for _, e := range everywhereElse() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			u := s.user(t)
			seconds := func(a *answer) int64 {
				n, ok := a.json["expires_in"].(json.Number)
				if !ok {
					t.Fatalf("expires_in is %v", a.json["expires_in"])
				}
				life, err := n.Int64()
				if err != nil {
					t.Fatal(err)
				}
				return life
			}
			began := e.begin(t, s, u, nil).want(http.StatusOK)
			if life := seconds(began); life < 60 || life > 600 {
				t.Errorf("the request lives %d seconds, want time to type and ten minutes at most", life)
			}
			p, suffix := e.question(s, s.browser(t), u, began)
			p.submit("allow" + suffix)
			if life := seconds(e.poll(t, s, began, nil)); life > 600 {
				t.Errorf("the access token lives %d seconds, want ten minutes at most", life)
			}
		})
	}
}
