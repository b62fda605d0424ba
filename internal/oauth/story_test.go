package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/idp"
)

func decode(t testing.TB, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Errorf("answer %q: %v", rec.Body, err)
	}
	return v
}

// post sends a form as the client and returns status and answer.
func (w *world) post(t testing.TB, path string, params ...string) (int, map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", w.secret)
	rec := w.do(t, r)
	if rec.Body.Len() == 0 {
		return rec.Code, nil
	}
	return rec.Code, decode(t, rec)
}

// userinfo asks with an access token and returns the status and the error of the challenge.
func (w *world) userinfo(t testing.TB, token string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, issuer+"/oauth2/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := w.do(t, r)
	_, after, _ := strings.Cut(rec.Header().Get("WWW-Authenticate"), `error="`)
	code, _, _ := strings.Cut(after, `"`)
	return rec.Code, code
}

// tokens signs a person in and returns the answer of the token endpoint.
func (w *world) tokens(t *testing.T, params ...string) map[string]any {
	t.Helper()
	status, _, answer := w.exchange(t, w.az(t, w.signIn(t), params...).Get("code"))
	if status != http.StatusOK {
		t.Fatalf("exchange: got %d %v", status, answer)
	}
	return answer
}

func (w *world) refresh(t testing.TB, token any, more ...string) (int, map[string]any) {
	t.Helper()
	status, _, answer := w.token(t, append([]string{"grant_type", "refresh_token", "refresh_token", token.(string)}, more...)...)
	return status, answer
}

func wantError(t testing.TB, what string, status int, answer map[string]any, wantStatus int, want string) {
	t.Helper()
	if status != wantStatus || answer["error"] != want {
		t.Errorf("%s: got %d %v, want %d %s", what, status, answer, wantStatus, want)
	}
}

// D1: PKCE holds at the first and at every further try; a wrong verifier burns the code.
func TestCode_PKCEHoldsTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookies := w.signIn(t)
	for name, wrong := range map[string]string{"another verifier": strings.Repeat("x", 43), "no verifier": "", "the challenge itself": challenge(), "a short one": "x"} {
		code := w.az(t, cookies).Get("code")
		for try := range 2 {
			status, _, answer := w.token(t, "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", wrong)
			wantError(t, name, status, answer, 400, "invalid_grant")
			if try == 1 {
				status, _, answer = w.exchange(t, code)
				wantError(t, name+", then the right one", status, answer, 400, "invalid_grant")
			}
		}
	}
	// RFC 9700 §4.8.2: a verifier where there was no challenge is as wrong as none where there was one.
	code := w.az(t, cookies, "code_challenge", "", "code_challenge_method", "").Get("code")
	status, _, answer := w.exchange(t, code)
	wantError(t, "a verifier without a challenge", status, answer, 400, "invalid_grant")
}

// D2: of 64 redemptions of one code one wins; RFC 6749 §4.1.2: what it got is then revoked, because a code was used twice.
func TestCode_RaceHasOneWinnerAndTheFamilyDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := w.az(t, w.signIn(t)).Get("code")
	var won atomic.Int64
	var access atomic.Value
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			status, _, answer := w.exchange(t, code)
			switch {
			case status == http.StatusOK:
				won.Add(1)
				access.Store(answer["access_token"])
			case status != http.StatusBadRequest || answer["error"] != "invalid_grant":
				t.Errorf("loser: got %d %v", status, answer)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("got %d winners, want 1", won.Load())
	}
	if status, code := w.userinfo(t, access.Load().(string)); status != 401 || code != "invalid_token" {
		t.Errorf("the winner's token: got %d %s, want it revoked", status, code)
	}
}

// D3, FD-7: of 64 refreshes with one token all are answered, with one successor, and the family lives.
func TestRefresh_RaceHasOneSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.tokens(t)["refresh_token"]
	var mu sync.Mutex
	successors := map[any]int{}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			status, answer := w.refresh(t, first)
			if status != http.StatusOK {
				t.Errorf("got %d %v", status, answer)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			successors[answer["refresh_token"]]++
		})
	}
	wg.Wait()
	if len(successors) != 1 {
		t.Fatalf("got %d successors, want 1", len(successors))
	}
	for next := range successors {
		if next == first {
			t.Error("the token did not change")
		}
		if status, answer := w.refresh(t, next); status != http.StatusOK {
			t.Errorf("the successor: got %d %v", status, answer)
		}
	}
}

func TestCode_EndsAfterSixtySeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cookies := w.signIn(t)
		early, late := w.az(t, cookies).Get("code"), w.az(t, cookies).Get("code")
		time.Sleep(time.Minute - time.Millisecond)
		if status, _, answer := w.exchange(t, early); status != http.StatusOK {
			t.Errorf("a millisecond before: got %d %v", status, answer)
		}
		time.Sleep(time.Millisecond)
		status, _, answer := w.exchange(t, late)
		wantError(t, "at its end", status, answer, 400, "invalid_grant")
	})
}

func TestRefresh_GraceWindowEndsThenTheFamilyDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.tokens(t)
		_, second := w.refresh(t, first["refresh_token"])
		time.Sleep(time.Minute - time.Millisecond)
		status, again := w.refresh(t, first["refresh_token"])
		if status != http.StatusOK || again["refresh_token"] != second["refresh_token"] {
			t.Fatalf("inside the window: got %d, want the same successor", status)
		}
		time.Sleep(time.Millisecond)
		status, answer := w.refresh(t, first["refresh_token"])
		wantError(t, "at its end", status, answer, 400, "invalid_grant")
		status, answer = w.refresh(t, second["refresh_token"])
		wantError(t, "the newest token after reuse", status, answer, 400, "invalid_grant")
		for name, token := range map[string]any{"the first access token": first["access_token"], "the last": again["access_token"]} {
			if status, code := w.userinfo(t, token.(string)); status != 401 || code != "invalid_token" {
				t.Errorf("%s: got %d %s, want it dead with its family", name, status, code)
			}
		}
	})
}

func TestRefresh_IdleAndAbsoluteLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idp.Client) { c.Contract.RefreshIdle, c.Contract.RefreshMax = 3600, 3*3600 })
		answer := w.tokens(t)
		status := 0
		for n, pause := range []time.Duration{time.Hour - time.Millisecond, time.Hour - time.Millisecond, time.Hour - time.Millisecond} {
			time.Sleep(pause)
			if status, answer = w.refresh(t, answer["refresh_token"]); status != http.StatusOK {
				t.Fatalf("refresh %d inside both limits: got %d %v", n, status, answer)
			}
		}
		time.Sleep(3 * time.Millisecond)
		status, late := w.refresh(t, answer["refresh_token"])
		wantError(t, "at the absolute limit", status, late, 400, "invalid_grant")

		answer = w.tokens(t)
		time.Sleep(time.Hour)
		status, late = w.refresh(t, answer["refresh_token"])
		wantError(t, "at the idle limit", status, late, 400, "invalid_grant")
	})
}

func TestAccessToken_EndsAtItsTime(t *testing.T) {
	t.Parallel()
	for _, format := range []string{idp.AccessTokenJWT, idp.AccessTokenOpaque} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(c *idp.Client) { c.Contract.AccessTokenFormat = format })
				answer := w.tokens(t)
				token := answer["access_token"].(string)
				if answer["expires_in"] != 600.0 {
					t.Errorf("got expires_in %v, want 600", answer["expires_in"])
				}
				time.Sleep(599 * time.Second)
				if status, _ := w.userinfo(t, token); status != http.StatusOK {
					t.Errorf("a second before: got %d", status)
				}
				time.Sleep(time.Second)
				if status, code := w.userinfo(t, token); status != 401 || code != "invalid_token" {
					t.Errorf("at its end: got %d %s", status, code)
				}
				if _, got := w.post(t, "/oauth2/introspect", "token", token); got["active"] != false || len(got) != 1 {
					t.Errorf("introspected at its end: got %v", got)
				}
			})
		})
	}
}

// What is switched off or taken away ends at once, wherever it is looked at.
func TestEnded_IsRefusedEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end     func(t *testing.T, w *world)
		offline bool // tokens with offline_access live on
		client  bool // the client itself cannot authenticate any more
	}{
		"disabled user": {end: func(t *testing.T, w *world) {
			must(t, w.store.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, time.Now()))
		}},
		"deleted user": {end: func(t *testing.T, w *world) { must(t, w.store.DeleteUser(t.Context(), w.user.ID)) }},
		"disabled client": {client: true, end: func(t *testing.T, w *world) {
			w.change(t, func(c *idp.Client) { c.Disabled = true })
		}},
		"deleted client": {client: true, end: func(t *testing.T, w *world) {
			must(t, w.store.DeleteClient(t.Context(), "app", time.Now()))
			w.Clients.Forget()
		}},
		"withdrawn consent": {end: func(t *testing.T, w *world) {
			must(t, w.store.RevokeGrant(t.Context(), w.user.ID, "app", time.Now()))
		}},
		"all sessions ended": {end: func(t *testing.T, w *world) {
			_, err := w.store.EndSessionsOf(t.Context(), w.user.ID, "", time.Now())
			must(t, err)
		}},
		"this session ended": {offline: true, end: func(t *testing.T, w *world) {
			list, err := w.store.SessionsOf(t.Context(), w.user.ID, time.Now())
			must(t, err)
			for _, s := range list {
				_, err := w.store.EndSession(t.Context(), s.ID, time.Now())
				must(t, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			cookies := w.signIn(t)
			issue := func(scope string) (code string, answer map[string]any) {
				_, _, answer = w.exchange(t, w.az(t, cookies, "scope", scope).Get("code"))
				return w.az(t, cookies, "scope", scope).Get("code"), answer
			}
			waiting, offline := issue("openid offline_access")
			waitingOnline, online := issue("openid")
			if status, _ := w.userinfo(t, online["access_token"].(string)); status != http.StatusOK {
				t.Fatalf("before: got %d", status)
			}
			c.end(t, w)

			dead, grantStatus, grantError := 401, 400, "invalid_grant"
			if c.client {
				grantStatus, grantError = 401, "invalid_client"
			}
			if status, code := w.userinfo(t, online["access_token"].(string)); status != dead || code != "invalid_token" {
				t.Errorf("userinfo: got %d %s, want 401 invalid_token", status, code)
			}
			status, _, answer := w.exchange(t, waitingOnline)
			wantError(t, "a code that waited", status, answer, grantStatus, grantError)
			status, _, answer = w.exchange(t, waiting)
			// A code is of the session's browser. What it was exchanged for may live on.
			wantError(t, "an offline code that waited", status, answer, grantStatus, grantError)
			refreshed, next := w.refresh(t, offline["refresh_token"])
			if c.offline {
				if refreshed != http.StatusOK {
					t.Errorf("offline_access: got %d, want it to live on", refreshed)
				}
			} else {
				wantError(t, "refresh", refreshed, next, grantStatus, grantError)
			}
			if q := w.az(t, cookies, "prompt", "none"); q.Has("code") != (name == "withdrawn consent") { // the client is trusted
				t.Errorf("authorize: got %v", q)
			}
		})
	}
}

// EndWithSession: the contract says that offline_access does not outlive the session.
func TestRefresh_EndsWithTheSessionIfTheContractSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.Contract.EndWithSession = true })
	answer := w.tokens(t)
	list, err := w.store.SessionsOf(t.Context(), w.user.ID, time.Now())
	must(t, err)
	_, err = w.store.EndSession(t.Context(), list[0].ID, time.Now())
	must(t, err)
	status, next := w.refresh(t, answer["refresh_token"])
	wantError(t, "refresh", status, next, 400, "invalid_grant")
}

// Time ends a session as well as its owner does.
func TestRefresh_EndsWithASessionThatExpiresIfTheContractSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *idp.Client) { c.Contract.EndWithSession = true })
		status, answer := w.refresh(t, w.tokens(t)["refresh_token"])
		if status != http.StatusOK {
			t.Fatalf("while the session lives: got %d %v", status, answer)
		}
		time.Sleep(24 * time.Hour) // the idle limit
		status, answer = w.refresh(t, answer["refresh_token"])
		wantError(t, "refresh", status, answer, 400, "invalid_grant")
	})
}

// D4, RFC 6749 §6: narrower is fine, and stays narrower in this token only; wider costs the client nothing.
func TestRefresh_ScopeMayBeNarrowerNotWider(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.tokens(t, "scope", "openid email offline_access")
		status, narrow := w.refresh(t, first["refresh_token"], "scope", "openid")
		if status != http.StatusOK || narrow["scope"] != "openid" {
			t.Fatalf("narrower: got %d %v", status, narrow)
		}
		current := narrow["refresh_token"]
		for _, wider := range []string{"openid profile", "profile", "nonsense", "openid idp.admin"} {
			status, answer := w.refresh(t, current, "scope", wider)
			wantError(t, wider, status, answer, 400, "invalid_scope")
			// The client tries again with the token it has, long after any window.
			time.Sleep(time.Hour)
			status, answer = w.refresh(t, current)
			if status != http.StatusOK || answer["scope"] != "email offline_access openid" {
				t.Fatalf("after asking for %q: got %d %v, want all that was granted", wider, status, answer)
			}
			current = answer["refresh_token"]
		}
	})
}

// A static refresh token does not change (FAPI 2.0 §5.3.2.1).
func TestRefresh_StaticTokenStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *idp.Client) { c.Contract.RefreshMode = idp.RefreshStatic })
	token := w.tokens(t)["refresh_token"]
	for range 3 {
		status, answer := w.refresh(t, token)
		if status != http.StatusOK || answer["refresh_token"] != token {
			t.Fatalf("got %d %v, want the same token", status, answer)
		}
	}
}

func TestRefresh_OfAnotherClientIsRefusedAndLivesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := *w.client
	other.ID = "other"
	must(t, w.store.CreateClient(t.Context(), &other))
	token := w.tokens(t)["refresh_token"].(string)
	status, _, answer := w.token(t, "grant_type", "refresh_token", "refresh_token", token, "client_id", "other", "client_secret", w.secret)
	wantError(t, "another client", status, answer, 400, "invalid_grant")
	if status, answer := w.refresh(t, token); status != http.StatusOK {
		t.Errorf("its own client afterwards: got %d %v", status, answer)
	}
}

// Withdrawing a key refuses what it signed at once, also what was verified a moment ago.
func TestWithdrawnKey_TokensAreRefusedAlthoughRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.tokens(t)
	access := answer["access_token"].(string)
	for range 2 { // the second is answered from memory
		if status, _ := w.userinfo(t, access); status != http.StatusOK {
			t.Fatalf("before: got %d", status)
		}
	}
	must(t, w.Keys.Withdraw(t.Context(), headerOf(t, access)["kid"].(string)))
	if status, code := w.userinfo(t, access); status != 401 || code != "invalid_token" {
		t.Errorf("after: got %d %s, want 401 invalid_token", status, code)
	}
	if _, got := w.post(t, "/oauth2/introspect", "token", access); got["active"] != false {
		t.Errorf("introspection: got %v, want inactive", got)
	}
	_, next := w.refresh(t, answer["refresh_token"])
	if status, _ := w.userinfo(t, next["access_token"].(string)); status != http.StatusOK {
		t.Errorf("a token of the new key: got %d", status)
	}
}

// A hint is good as long as its key is published, whatever signs now and whether or not the ID token has expired.
func TestHint_OutlivesKeyRotationAndExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cookies := w.signIn(t)
		_, _, answer := w.exchange(t, w.az(t, cookies).Get("code"))
		hint := answer["id_token"].(string)
		_, err := w.Keys.RotateNow(t.Context(), "RS256")
		must(t, err)
		time.Sleep(2 * time.Hour)
		if q := w.az(t, cookies, "prompt", "none", "id_token_hint", hint); q.Get("code") == "" {
			t.Errorf("after rotation and expiry: got %v, want a code", q)
		}
		must(t, w.Keys.Withdraw(t.Context(), headerOf(t, hint)["kid"].(string)))
		if q := w.az(t, cookies, "prompt", "none", "id_token_hint", hint); q.Get("error") != "invalid_request" {
			t.Errorf("after the key was withdrawn: got %v, want invalid_request", q)
		}
	})
}

// FD-3: an application whose cookie does not stick ends at a page, and may go on after it.
func TestLoopGuard_StopsAndLetsGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldLimited(t, 3)
		cookies := w.signIn(t)
		for n := range 3 {
			if q := w.az(t, cookies); q.Get("code") == "" {
				t.Fatalf("request %d: got %v", n, q)
			}
		}
		for range 5 {
			if q := w.az(t, cookies, "prompt", "none"); q.Get("code") == "" {
				t.Fatalf("a silent request counts: got %v", q)
			}
		}
		if q := w.az(t, cookies); q.Get("page") != "redirect_loop" || w.lastPage.ClientID != "app" || w.lastPage.LoopCount != 3 || w.lastPage.LoopWindow != 20*time.Second {
			t.Errorf("request 4: got %v, want the page about loops", q)
		}
		if q := w.az(t, cookies); q.Get("code") == "" {
			t.Errorf("after the page: got %v, want a code", q)
		}
		if q := w.az(t, w.signIn(t)); q.Get("code") == "" {
			t.Errorf("another session: got %v, want a code", q)
		}
		time.Sleep(21 * time.Second)
		for n := range 3 {
			if q := w.az(t, cookies); q.Get("code") == "" {
				t.Fatalf("request %d of the next window: got %v", n, q)
			}
		}
	})
}
