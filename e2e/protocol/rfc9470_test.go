package protocol

// RFC 9470, Step Up Authentication Challenge.

import (
	"strings"
	"testing"
	"time"

	"idp/e2e/server"
)

func TestStepUp_AnOldSignInIsChallenged(t *testing.T) { // RFC 9470 §3, §4, §5
	t.Parallel()
	s := start(t, server.Set("IDP_REQUESTS__USER_INFO_MAX_AGE", "3s"))
	in := s.signIn(t, server.Trusted())
	s.userInfo(t, in.access).want(200)
	pause(t, 5*time.Second)
	a := s.userInfo(t, in.access).wantError(401, "insufficient_user_authentication")
	if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, `max_age="3"`) {
		t.Errorf("WWW-Authenticate: %s, want the error and max_age", challenge)
	}
	// The application does as it was told, and the token says when the person signed in.
	g := in.b.az(server.Trusted(), "max_age", "3").submit("use-another-account").login(s.user(t)).wantCode()
	tk := s.exchange(t, g).tokens()
	s.userInfo(t, tk.access).want(200)
	if answer := s.introspect(t, server.Trusted(), tk.access).want(200); answer.json["auth_time"] == nil { // §6.2
		t.Errorf("introspection says %v, want auth_time", answer.json)
	}
	if s.verify(t, tk.access).claims["auth_time"] == nil { // §6.1
		t.Error("the access token does not say when the person signed in")
	}
}

func TestStepUp_WhatCannotBeReachedFails(t *testing.T) { // RFC 9470 §5
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Trusted())
	// A wish in acr_values is answered by the acr that there is; a demand fails.
	in.b.az(server.Trusted(), "acr_values", "urn:example:gold").wantCode()
	in.b.az(server.Trusted(), "prompt", "none", "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:gold"}}}`).wantErr("login_required")
}
