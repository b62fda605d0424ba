package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
)

// Each condition of IssueCode alone keeps a code back: the cookie, both limits, the user, the age, the hint and the grant.
func TestIssueCode_EachConditionAloneRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now))
	good := store.IssueConditions{
		SessionID: w.session.ID, SessionDigest: []byte("cookie"), MinAuthTime: w.now, UserID: w.user.ID, RequiredScopes: []string{"openid"},
	}
	issue := func(clientID string, c store.IssueConditions, at time.Time) error {
		_, err := w.IssueCode(ctx, &idp.Authorization{ID: idp.NewID(), ClientID: clientID, CodeExpires: at.Add(time.Minute), ExpiresAt: at.Add(time.Hour)}, []byte("c"), c, at)
		return err
	}
	must(t, issue("app", good, w.now))
	must(t, issue("app", good, w.session.IdleExpiresAt.Add(-time.Microsecond)))
	for _, proof := range []store.Proof{
		{Methods: [][]string{{"pwd"}}},
		{Methods: [][]string{{"otp"}, {"pwd"}}, Contexts: []string{"other"}},
		{Contexts: []string{"urn:example:gold"}},
		{Methods: [][]string{{"otp"}}, Contexts: []string{"other", "urn:example:gold"}},
	} {
		proved := good
		proved.Proof = proof
		if err := issue("app", proved, w.now); err != nil {
			t.Errorf("a session with what %+v asks for: got %v", proof, err)
		}
	}
	for name, c := range map[string]struct {
		client string
		at     time.Time
		change func(*store.IssueConditions)
	}{
		"another session":      {"app", w.now, func(c *store.IssueConditions) { c.SessionID = idp.NewID() }},
		"another cookie":       {"app", w.now, func(c *store.IssueConditions) { c.SessionDigest = []byte("stolen") }},
		"no cookie":            {"app", w.now, func(c *store.IssueConditions) { c.SessionDigest = nil }},
		"at the idle limit":    {"app", w.session.IdleExpiresAt, func(*store.IssueConditions) {}},
		"a sign-in too old":    {"app", w.now, func(c *store.IssueConditions) { c.MinAuthTime = w.now.Add(time.Microsecond) }},
		"another user hinted":  {"app", w.now, func(c *store.IssueConditions) { c.UserID = "other" }},
		"another client":       {"other", w.now, func(*store.IssueConditions) {}},
		"a scope not allowed":  {"app", w.now, func(c *store.IssueConditions) { c.RequiredScopes = []string{"openid", "email"} }},
		"a part of a scope":    {"app", w.now, func(c *store.IssueConditions) { c.RequiredScopes = []string{"open"} }},
		"a scope in capitals":  {"app", w.now, func(c *store.IssueConditions) { c.RequiredScopes = []string{"OPENID"} }},
		"another method":       {"app", w.now, func(c *store.IssueConditions) { c.Proof.Methods = [][]string{{"otp"}, {"pwd", "otp"}} }},
		"a part of a method":   {"app", w.now, func(c *store.IssueConditions) { c.Proof.Methods = [][]string{{"p"}, {"pwdx"}} }},
		"nobody vouched":       {"app", w.now, func(c *store.IssueConditions) { c.Proof.Contexts = []string{"gold", "%"} }},
		"a scope of wildcards": {"app", w.now, func(c *store.IssueConditions) { c.RequiredScopes = []string{"______"} }},
	} {
		conditions := good
		c.change(&conditions)
		if err := issue(c.client, conditions, c.at); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%s: got %v, want not found", name, err)
		}
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserPending, w.now))
	if err := issue("app", good, w.now); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a user who is not active: got %v, want not found", err)
	}
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserActive, w.now))
	must(t, w.RevokeGrant(ctx, w.user.ID, "app", w.now))
	if err := issue("app", good, w.now); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a grant that was withdrawn: got %v, want not found", err)
	}
	none := good
	none.RequiredScopes = nil
	if err := issue("app", none, w.now); err != nil {
		t.Errorf("a request for no scope needs no grant: got %v", err)
	}
}

func TestGrants_PatternMatchesJustTheSubset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	odd := []string{"a%b", "a_b", `a\b`, "api:read", "openid", `\`, "%", "_", "é", "https://x.example/scope"}
	must(t, w.PutGrant(t.Context(), w.user.ID, "app", odd, w.now))
	allowed := func(scopes ...string) bool {
		_, err := w.issue(t, "c", store.IssueConditions{RequiredScopes: scopes})
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			t.Fatalf("%q: %v", scopes, err)
		}
		return err == nil
	}
	for _, s := range odd {
		if !allowed(s) {
			t.Errorf("%q: refused, want it allowed", s)
		}
	}
	if !allowed(odd...) {
		t.Error("all together: refused, want them allowed")
	}
	slices.Reverse(odd)
	if !allowed(append(odd[:3:3], odd...)...) {
		t.Error("in another order, some twice: refused, want them allowed")
	}
	for _, s := range []string{"aXb", "a", "b", "%%", "__", `\\`, "api:", "read", "API:READ", "É", "e", "api:read openid"} {
		if allowed(s) {
			t.Errorf("%q: allowed, want it refused", s)
		}
		if allowed("openid", s) {
			t.Errorf("openid and %q: allowed, want it refused", s)
		}
	}
}

func TestGrants_TabsDoNotLoseOneAnothersScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	if won := race(t, 16, nil, func(i int) error {
		return w.PutGrant(ctx, w.user.ID, "app", []string{fmt.Sprintf("s%02d", i), "openid"}, w.now)
	}); won != 16 {
		t.Errorf("got %d, want all 16", won)
	}
	g, err := w.Grant(ctx, w.user.ID, "app")
	if err != nil || len(g.Scopes) != 17 || !slices.IsSorted(g.Scopes) {
		t.Errorf("got %+v, %v, want 17 scopes in order", g, err)
	}
	must(t, w.PutGrant(ctx, w.user.ID, "another", []string{"x"}, w.now))
	if list, err := w.GrantsOf(ctx, w.user.ID); err != nil || len(list) != 2 || list[0].ClientID != "another" {
		t.Errorf("got %d grants, %v", len(list), err)
	}
}

// RFC 7592 §5: what was allowed to a client that is another one now lets it do nothing, and stands in the list of the person.
func TestEmptyGrants_PeopleAreAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for _, client := range []string{"app", "another"} {
		must(t, w.PutGrant(ctx, w.user.ID, client, []string{"email", "openid"}, w.now))
	}
	must(t, w.EmptyGrants(ctx, "app"))
	if _, err := w.issue(t, "c", store.IssueConditions{RequiredScopes: []string{"openid"}}); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a code without a question: got %v, want idp.ErrNotFound", err)
	}
	list, err := w.GrantsOf(ctx, w.user.ID)
	if err != nil || len(list) != 2 || len(list[0].Scopes) != 2 || len(list[1].Scopes) != 0 {
		t.Errorf("got %+v, %v, want another's whole and app's empty", list, err)
	}
	must(t, w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now))
	if _, err := w.issue(t, "d", store.IssueConditions{RequiredScopes: []string{"openid"}}); err != nil {
		t.Errorf("after they were asked: %v", err)
	}
}

// RFC 6749 §4.1.3, RFC 7636 §4.6: what the token request presents fits in every part, or nothing happens.
func TestRedeemCode_EachConditionAloneRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	fresh := func() store.Redemption {
		a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
		must(t, err)
		return store.Redemption{ID: a.ID, CodeDigest: []byte("c"), ClientID: "app", RedirectURI: "https://app.example/cb", CodeChallenge: "challenge", RefreshDigest: []byte("r0")}
	}
	expires := w.now.Add(time.Minute)
	v, err := w.RedeemCode(ctx, fresh(), expires.Add(-time.Microsecond))
	if err != nil || v.UserState != idp.UserActive || v.CodeUsedAt == nil {
		t.Fatalf("a microsecond before its end: got %+v, %v", v, err)
	}
	for name, c := range map[string]struct {
		at     time.Time
		change func(*store.Redemption)
	}{
		"at its end":                {expires, func(*store.Redemption) {}},
		"another code":              {w.now, func(r *store.Redemption) { r.CodeDigest = []byte("d") }},
		"another authorization":     {w.now, func(r *store.Redemption) { r.ID = idp.NewID() }},
		"another client":            {w.now, func(r *store.Redemption) { r.ClientID = "other" }},
		"another redirect URI":      {w.now, func(r *store.Redemption) { r.RedirectURI += "/" }},
		"no redirect URI":           {w.now, func(r *store.Redemption) { r.RedirectURI = "" }},
		"another challenge":         {w.now, func(r *store.Redemption) { r.CodeChallenge = "Challenge" }},
		"no challenge (downgrade)":  {w.now, func(r *store.Redemption) { r.CodeChallenge = "" }},
		"a pattern for a challenge": {w.now, func(r *store.Redemption) { r.CodeChallenge = "%" }},
	} {
		r := fresh()
		c.change(&r)
		if _, err := w.RedeemCode(ctx, r, c.at); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("%s: got %v, want not found", name, err)
		}
	}
	r := fresh()
	must(t, w.RevokeAuthorization(ctx, r.ID, "app", w.now))
	_, err = w.RedeemCode(ctx, r, w.now)
	wantKind(t, "revoked", err, idp.NotFound)
	r = fresh()
	must(t, w.SetUserState(ctx, w.user.ID, idp.UserDisabled, w.now))
	_, err = w.RedeemCode(ctx, r, w.now)
	wantKind(t, "disabled user", err, idp.NotFound)
}

func TestRedeemCode_OmittedRedirectURIMayBeSentOrLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, sent := range []string{"", "https://app.example/cb"} {
		a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", RedirectURI: "https://app.example/cb", RedirectOmitted: true, CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Hour)}
		_, err := w.IssueCode(t.Context(), a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
		must(t, err)
		v, err := w.RedeemCode(t.Context(), store.Redemption{ID: a.ID, CodeDigest: []byte("c"), ClientID: "app", RedirectURI: sent, RefreshDigest: []byte("r"), Expires: w.now.Add(2 * time.Hour)}, w.now)
		if err != nil {
			t.Errorf("sent %q: %v", sent, err)
			continue
		}
		if _, err := w.RefreshTokenNow(t.Context(), a.ID, []byte("r"), w.now); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("not refreshable, yet there is a refresh token: %v", err)
		}
		if !v.ExpiresAt.Equal(w.now.Add(2 * time.Hour)) {
			t.Errorf("the row lives until %v, want as long as its access token", v.ExpiresAt)
		}
	}
}

func TestRevoke_ReachesByClientGrantAndToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	issue := func() string {
		a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
		must(t, err)
		return a.ID
	}
	revoked := func(id string) bool {
		v, _, err := w.AuthorizationNow(ctx, id, "")
		must(t, err)
		return v.RevokedAt != nil
	}
	id := issue()
	wantKind(t, "another client's", w.RevokeAuthorization(ctx, id, "other", w.now), idp.NotFound)
	if won := race(t, 8, idp.ErrNotFound, func(int) error { return w.RevokeAuthorization(ctx, id, "app", w.now) }); won != 1 || !revoked(id) {
		t.Errorf("got %d revocations, want 1", won)
	}
	id = issue()
	must(t, w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now))
	must(t, w.RevokeGrant(ctx, w.user.ID, "app", w.now))
	if _, err := w.Grant(ctx, w.user.ID, "app"); !errors.Is(err, idp.ErrNotFound) || !revoked(id) {
		t.Errorf("grant: got %v, want it gone and what followed revoked", err)
	}
	id = issue()
	must(t, w.PutGrant(ctx, w.user.ID, "app", []string{"openid"}, w.now))
	must(t, w.RevokeClient(ctx, "app", w.now))
	if _, err := w.Grant(ctx, w.user.ID, "app"); !errors.Is(err, idp.ErrNotFound) || !revoked(id) {
		t.Errorf("client: got %v, want its grants gone and its authorizations revoked", err)
	}
	must(t, w.RevokeAccessToken(ctx, "j", w.now.Add(time.Hour)))
	must(t, w.RevokeAccessToken(ctx, "j", w.now.Add(time.Hour)))
	if _, one, err := w.AuthorizationNow(ctx, id, "j"); err != nil || !one {
		t.Errorf("one token: got %v %v, want revoked", one, err)
	}
	if _, other, err := w.AuthorizationNow(ctx, id, "k"); err != nil || other {
		t.Errorf("another token: got %v %v, want not revoked", other, err)
	}
	if yes, err := w.AccessTokenRevoked(ctx, "j"); err != nil || !yes {
		t.Errorf("got %v %v, want revoked", yes, err)
	}
}

// FD-7, RP-10: of many refreshes with one token exactly one makes the successor, and inside the window all get that one.
func TestRotateRefreshToken_RaceHasOneSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	_, err = w.redeem(t, a, "c", "challenge")
	must(t, err)
	successors := make(chan string, 16)
	rotate := func(i int, grace time.Duration, at time.Time) error {
		v, err := w.RotateRefreshToken(t.Context(), store.Rotation{
			ID: a.ID, Old: []byte("r0"), ClientID: "app", New: fmt.Appendf(nil, "new %d", i), Sealed: fmt.Appendf(nil, "%d", i), Idle: w.now.Add(time.Hour), Grace: grace,
		}, at)
		if err == nil {
			successors <- string(v.Sealed)
		}
		return err
	}
	if won := race(t, 16, nil, func(i int) error { return rotate(i, time.Minute, w.now) }); won != 16 {
		t.Errorf("got %d answers, want 16", won)
	}
	first := <-successors
	for range 15 {
		if got := <-successors; got != first {
			t.Errorf("got successors %s and %s, want one", first, got)
		}
	}
	if _, err := w.RefreshTokenNow(t.Context(), a.ID, []byte("new "+first), w.now); err != nil {
		t.Errorf("the successor: %v", err)
	}
	// Without a window the second is refused, even if it began before the first.
	for _, at := range []time.Time{w.now, w.now.Add(-time.Second)} {
		if err := rotate(99, 0, at); !errors.Is(err, idp.ErrNotFound) {
			t.Errorf("without a window: got %v, want not found", err)
		}
	}
}

func TestRotateRefreshToken_HoldsItsBoundaries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	redeemed := func() *idp.Authorization {
		a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
		must(t, err)
		_, err = w.redeem(t, a, "c", "challenge") // idle 1 h, at most 24 h
		must(t, err)
		return a
	}
	rotate := func(a *idp.Authorization, change func(*store.Rotation), at time.Time) error {
		r := store.Rotation{ID: a.ID, Old: []byte("r0"), ClientID: "app", New: []byte("r1"), Sealed: []byte("s"), Idle: at.Add(48 * time.Hour), Grace: time.Minute}
		change(&r)
		_, err := w.RotateRefreshToken(ctx, r, at)
		return err
	}
	keep := func(*store.Rotation) {}
	a := redeemed()
	must(t, rotate(a, keep, w.now.Add(time.Hour-time.Microsecond)))
	rotated := w.now.Add(time.Hour - time.Microsecond)
	must(t, rotate(a, keep, rotated.Add(time.Minute-time.Microsecond)))
	wantKind(t, "at the end of the window", rotate(a, keep, rotated.Add(time.Minute)), idp.NotFound)
	current := func(r *store.Rotation) { r.Old = []byte("r1"); r.New = []byte("r2") }
	wantKind(t, "at the absolute limit", rotate(a, current, w.now.Add(24*time.Hour)), idp.NotFound)
	must(t, rotate(a, current, w.now.Add(24*time.Hour-time.Microsecond)))
	for name, c := range map[string]struct {
		at     time.Time
		change func(*store.Rotation)
	}{
		"at the idle limit":      {w.now.Add(time.Hour), keep},
		"another client":         {w.now, func(r *store.Rotation) { r.ClientID = "other" }},
		"another token":          {w.now, func(r *store.Rotation) { r.Old = []byte("rx") }},
		"static, another token":  {w.now, func(r *store.Rotation) { r.Static, r.Old = true, []byte("rx") }},
		"static, another client": {w.now, func(r *store.Rotation) { r.Static, r.ClientID = true, "other" }},
	} {
		wantKind(t, name, rotate(redeemed(), c.change, c.at), idp.NotFound)
	}
	static := func(r *store.Rotation) { r.Static = true }
	a = redeemed()
	must(t, rotate(a, static, w.now))
	must(t, rotate(a, static, w.now.Add(30*time.Hour-7*time.Hour))) // the idle limit has moved
	if _, err := w.RefreshTokenNow(ctx, a.ID, []byte("r0"), w.now); err != nil {
		t.Errorf("a static token does not change: %v", err)
	}
}

// RFC 8707 §2.2: whether somebody still serves what the tokens are for is judged before a refresh token is spent, not after.
func TestRotateRefreshToken_ResourcesAreLookedAtFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for _, static := range []bool{false, true} {
		for _, audience := range [][]string{nil, {"https://a.example", "https://b.example"}} {
			a := &idp.Authorization{
				ID: idp.NewID(), ClientID: "app", Refreshable: true, Offline: true, Audience: audience, RedirectURI: "https://app.example/cb", CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Minute),
			}
			_, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: w.session.ID, SessionDigest: []byte("cookie"), SkipGrant: true}, w.now)
			must(t, err)
			later := w.now.Add(time.Hour)
			_, err = w.RedeemCode(ctx, store.Redemption{ID: a.ID, CodeDigest: []byte("c"), ClientID: "app", RedirectURI: a.RedirectURI, RefreshDigest: []byte("r0"), RefreshIdle: later, RefreshExpires: later, Expires: later}, w.now)
			must(t, err)
			r := store.Rotation{ID: a.ID, Old: []byte("r0"), ClientID: "app", New: []byte("r1"), Sealed: []byte("s"), Idle: later, Static: static, NoAudience: true}
			_, err = w.RotateRefreshToken(ctx, r, w.now)
			if audience == nil {
				must(t, err)
				continue
			}
			wantKind(t, "resources that nobody looked at", err, idp.NotFound)
			_, err = w.RefreshTokenNow(ctx, a.ID, []byte("r0"), w.now)
			must(t, err)
			r.NoAudience = false
			_, err = w.RotateRefreshToken(ctx, r, w.now)
			must(t, err)
		}
	}
}

// A refresh token that is not to outlive its session ends with it, also where nobody signs out and time alone ends it.
func TestRotateRefreshToken_LivesAsLongAsTheSession(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"rotate", "static"} {
		w := newWorld(t)
		ctx := t.Context()
		session := w.remembered(t)
		start := func(offline bool) string {
			a := &idp.Authorization{ID: idp.NewID(), ClientID: "app", Refreshable: true, Offline: offline, CodeExpires: w.now.Add(time.Minute), ExpiresAt: w.now.Add(time.Minute)}
			_, err := w.IssueCode(ctx, a, []byte("c"), store.IssueConditions{SessionID: session.ID, SessionDigest: []byte("d0"), SkipGrant: true}, w.now)
			must(t, err)
			later := w.now.Add(1000 * time.Hour)
			_, err = w.RedeemCode(ctx, store.Redemption{ID: a.ID, CodeDigest: []byte("c"), ClientID: "app", RefreshDigest: []byte("r0"), RefreshIdle: later, RefreshExpires: later}, w.now)
			must(t, err)
			return a.ID
		}
		bound, offline := start(false), start(true)
		refresh := func(id string, at time.Time) error {
			r := store.Rotation{
				ID: id, Old: []byte("r0"), ClientID: "app", New: []byte("r0"), Sealed: []byte("s"), Idle: at.Add(1000 * time.Hour), Grace: time.Minute,
				Static: mode == "static",
			}
			_, err := w.RotateRefreshToken(ctx, r, at)
			if _, now := w.RefreshTokenNow(ctx, id, []byte("r0"), at); (now == nil) != (err == nil) {
				t.Errorf("%s: rotating says %v, introspection %v; want the same", mode, err, now)
			}
			if f, failed := w.FailRefresh(ctx, r, at); failed != nil || f.SessionOver != (err != nil) || f.Reused {
				t.Errorf("%s: got %+v, %v, want the end of the session told and nothing revoked", mode, f, failed)
			}
			return err
		}
		must(t, refresh(bound, session.ExpiresAt))
		end := *session.RememberExpiresAt
		must(t, refresh(bound, end.Add(-time.Microsecond))) // "keep me signed in" may bring the session back
		wantKind(t, mode+": the session's last moment is over", refresh(bound, end), idp.NotFound)
		must(t, refresh(offline, end))
		_, err := w.Purge(ctx, 100, end, time.Time{})
		must(t, err)
		wantKind(t, mode+": the session is no more", refresh(bound, w.now), idp.NotFound)
		must(t, refresh(offline, end))
	}
}

// RFC 9700 §4.14.2: what FailRefresh takes for reuse, and what not.
func TestFailRefresh_OnlyReuseKills(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a, err := w.issue(t, "c", store.IssueConditions{SkipGrant: true})
	must(t, err)
	_, err = w.redeem(t, a, "c", "challenge")
	must(t, err)
	_, err = w.RotateRefreshToken(ctx, store.Rotation{ID: a.ID, Old: []byte("r0"), ClientID: "app", New: []byte("r1"), Sealed: []byte("s"), Idle: w.now.Add(time.Hour), Grace: time.Minute}, w.now)
	must(t, err)
	fail := func(old, client string, at time.Time) *store.RefreshFailure {
		f, err := w.FailRefresh(ctx, store.Rotation{ID: a.ID, Old: []byte(old), ClientID: client, Grace: time.Minute}, at)
		must(t, err)
		return f
	}
	late := w.now.Add(2 * time.Minute)
	for name, f := range map[string]*store.RefreshFailure{
		"the current token":                 fail("r1", "app", late),
		"the one before, inside the window": fail("r0", "app", w.now.Add(time.Second)),
		"a spent one, from another client":  fail("r0", "other", late),
	} {
		if f.Reused {
			t.Errorf("%s: taken for reuse", name)
		}
	}
	if f := fail("r1", "app", w.now.Add(time.Hour)); !f.IdleExpired || f.Reused {
		t.Errorf("got %+v, want idle and no reuse", f)
	}
	reuses := race(t, 8, idp.ErrNotFound, func(int) error {
		f, err := w.FailRefresh(ctx, store.Rotation{ID: a.ID, Old: []byte("r0"), ClientID: "app", Grace: time.Minute}, late)
		if err == nil && !f.Reused {
			return idp.ErrNotFound
		}
		return err
	})
	if reuses != 1 {
		t.Errorf("reuse was told %d times, want once", reuses)
	}
	if _, err := w.FailRefresh(ctx, store.Rotation{ID: idp.NewID(), Old: []byte("r0")}, late); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("an authorization that is gone: got %v", err)
	}
}
