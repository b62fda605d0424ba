package store_test

import (
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// One statement finds whom an assertion is about, by id or by link and never by the other, and writes the authorization of an active user.
func TestIssueAsserted_FindsTheUserOfTheAssertion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.CreateIdentity(ctx, &idp.Identity{ID: idp.NewID(), UserID: w.user.ID, ProviderID: "corp", Issuer: "https://corp.example", Subject: "007", CreatedAt: w.now, LastUsedAt: w.now}))
	issue := func(about store.AssertedSubject) (*store.AuthorizationUser, error) {
		a := &idp.Authorization{ID: idp.NewID(), ClientID: "job", Scopes: []string{"api"}, Audience: []string{"https://api.example"}, ExpiresAt: w.now.Add(time.Minute)}
		return w.IssueAsserted(ctx, a, []byte("d"), about, w.now)
	}
	for name, about := range map[string]store.AssertedSubject{"by id": {UserID: w.user.ID}, "by link": {Issuer: "https://corp.example", Subject: "007"}} {
		v, err := issue(about)
		must(t, err)
		if v.UserID != w.user.ID || v.SessionID != "" || v.AuthTime.Unix() != 0 || v.Refreshable || v.UserState != idp.UserActive || v.Scopes[0] != "api" || v.CodeUsedAt == nil {
			t.Errorf("%s: got %+v", name, v.Authorization)
		}
	}
	for name, about := range map[string]store.AssertedSubject{
		"nobody": {}, "another id": {UserID: "x"}, "another issuer": {Issuer: "https://other.example", Subject: "007"},
		"another subject": {Issuer: "https://corp.example", Subject: "008"}, "the id as a subject": {Issuer: "https://corp.example", Subject: w.user.ID},
	} {
		_, err := issue(about)
		wantKind(t, name, err, idp.NotFound)
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserDisabled, w.now))
	_, err := issue(store.AssertedSubject{UserID: w.user.ID})
	wantKind(t, "a disabled user", err, idp.NotFound)
}
