package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"idp/internal/crossdevice"
	"idp/internal/idp"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// television is a public client of the device grant.
func television(c *idp.Client) {
	c.GrantTypes = append(c.GrantTypes, idp.GrantDeviceCode)
}

// device asks for a device code as the world's client.
func (w *world) device(t testing.TB, params ...string) (status int, trips int64, answer map[string]any) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	ctx, n := sqldb.WithCounter(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth2/device", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", w.secret)
	rec := w.do(t, r)
	must(t, json.Unmarshal(rec.Body.Bytes(), &answer))
	return rec.Code, n.Trips(), answer
}

// decide answers the request behind a user code, as the person in a browser that is signed in.
func (w *world) decide(t testing.TB, userCode any, allow bool) {
	t.Helper()
	p, err := w.cross.FindDevice(t.Context(), strings.ToLower(userCode.(string)), "test")
	must(t, err)
	r := httptest.NewRequest(http.MethodGet, issuer+"/device", nil)
	for _, c := range w.signIn(t) {
		r.AddCookie(c)
	}
	current, err := w.sessions.Current(t.Context(), r)
	must(t, err)
	by := crossdevice.Decision{Session: current.Session, Digest: current.Digest}
	if allow {
		must(t, w.cross.Approve(t.Context(), p, by))
	} else {
		must(t, w.cross.Deny(t.Context(), p, by))
	}
}

func (w *world) poll(t testing.TB, code any) (int, int64, map[string]any) {
	t.Helper()
	return w.token(t, "grant_type", idp.GrantDeviceCode, "device_code", code.(string))
}

func wantPoll(t *testing.T, what string, status int, answer map[string]any, code string) {
	t.Helper()
	if status != http.StatusBadRequest || answer["error"] != code {
		t.Errorf("%s: got %d %v, want 400 %s", what, status, answer, code)
	}
}

// The whole story, with its round trips: one to begin, one for each poll that finds nothing; a transaction of two statements more for the tokens.
func TestDevice_CodeLeadsToTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	w.token(t, "grant_type", "client_credentials") // warms the client
	status, n, d := w.device(t, "scope", "openid email offline_access")
	if status != 200 || n != 1 || d["verification_uri"] != issuer+"/device" || d["expires_in"] != 600.0 || d["interval"] != 5.0 {
		t.Fatalf("got %d %v in %d trips", status, d, n)
	}
	if want := issuer + "/device?user_code=" + d["user_code"].(string); d["verification_uri_complete"] != want {
		t.Errorf("got %v, want %s", d["verification_uri_complete"], want)
	}
	status, n, a := w.poll(t, d["device_code"])
	wantPoll(t, "nobody has answered", status, a, "authorization_pending")
	if n != 1 {
		t.Errorf("a poll that finds nothing: got %d trips, want 1", n)
	}
	status, n, a = w.poll(t, d["device_code"])
	wantPoll(t, "at once again", status, a, "slow_down")
	if n != 1 {
		t.Errorf("a poll that comes too early: got %d trips, want 1", n)
	}
	w.decide(t, d["user_code"], true)
	status, n, a = w.poll(t, d["device_code"])
	if status != 200 || n != 5 || a["access_token"] == nil || a["refresh_token"] == nil || a["id_token"] == nil || a["scope"] != "email offline_access openid" {
		t.Fatalf("got %d %v in %d trips, want tokens in 5", status, a, n)
	}
	if id := claimsOf(t, a["id_token"]); id["sub"] != w.user.ID || id["aud"] != "app" || id["nonce"] != nil || id["auth_time"] == nil {
		t.Errorf("got the ID token %v", id)
	}
	status, _, again := w.poll(t, d["device_code"])
	wantPoll(t, "a second time", status, again, "invalid_grant")
	if status, _, r := w.token(t, "grant_type", "refresh_token", "refresh_token", a["refresh_token"].(string)); status != 200 {
		t.Errorf("its refresh token after a second redemption: got %d %v, want it good", status, r)
	}
}

func TestDevice_DeniedAndExpiredEndThePolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOn(t, storetest.New(t), television)
		_, _, d := w.device(t, "scope", "openid")
		w.decide(t, d["user_code"], false)
		status, _, a := w.poll(t, d["device_code"])
		wantPoll(t, "denied", status, a, "access_denied")

		_, _, d = w.device(t, "scope", "openid")
		_, _, approved := w.device(t, "scope", "openid")
		w.decide(t, approved["user_code"], true)
		time.Sleep(10 * time.Minute)
		for _, code := range []any{d["device_code"], approved["device_code"]} {
			status, _, a = w.poll(t, code)
			wantPoll(t, "expired", status, a, "expired_token")
		}
		if _, err := w.cross.FindDevice(t.Context(), d["user_code"].(string), "x"); idp.KindOf(err) != idp.NotFound {
			t.Errorf("the user code after its time: got %v, want not found", err)
		}
	})
}

func TestDevice_UserDisabledInBetweenIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	_, _, d := w.device(t, "scope", "openid")
	w.decide(t, d["user_code"], true)
	must(t, w.store.SetUserState(t.Context(), w.user.ID, idp.UserDisabled, time.Now()))
	status, _, a := w.poll(t, d["device_code"])
	wantPoll(t, "user disabled", status, a, "access_denied")
}

func TestDevice_IsOffUnlessRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, _, d := w.device(t, "scope", "openid")
	wantPoll(t, "a request", status, d, "unauthorized_client")
	status, _, a := w.poll(t, "idp_dc_x")
	wantPoll(t, "a poll", status, a, "unauthorized_client")
}

// RFC 8628 §5.1: guesses at user codes are counted, by who guesses and by where from; a right guess forgives none.
func TestDevice_GuessesAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOn(t, storetest.New(t), television)
		_, _, d := w.device(t, "scope", "openid")
		for n := range 10 {
			if _, err := w.cross.FindDevice(t.Context(), "BBBB-BBBB", "guesser"); idp.KindOf(err) != idp.NotFound {
				t.Fatalf("guess %d: got %v, want not found", n, err)
			}
			if n == 5 {
				if _, err := w.cross.FindDevice(t.Context(), d["user_code"].(string), "guesser"); err != nil {
					t.Fatalf("the right one: %v", err)
				}
			}
		}
		if _, err := w.cross.FindDevice(t.Context(), d["user_code"].(string), "guesser"); idp.KindOf(err) != idp.Throttled {
			t.Errorf("after ten wrong ones: got %v, want it throttled", err)
		}
		if _, err := w.cross.FindDevice(t.Context(), d["user_code"].(string), "neighbour"); err != nil {
			t.Errorf("another session: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := w.cross.FindDevice(t.Context(), d["user_code"].(string), "guesser"); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestDevice_WaitingOnesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	for n := range 100 {
		if status, _, d := w.device(t, "scope", "openid"); status != 200 {
			t.Fatalf("request %d: got %d %v", n, status, d)
		}
	}
	if status, _, d := w.device(t, "scope", "openid"); status != http.StatusTooManyRequests {
		t.Errorf("one more from this address: got %d %v, want 429", status, d)
	}
}

func TestDevice_ParallelPollsGiveTokensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	_, _, d := w.device(t, "scope", "openid offline_access")
	w.decide(t, d["user_code"], true)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			status, _, a := w.poll(t, d["device_code"])
			switch {
			case status == 200:
				won.Add(1)
			case a["error"] != "invalid_grant":
				t.Errorf("loser: got %d %v", status, a)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("got %d answers with tokens, want 1", won.Load())
	}
}

// What was approved and not fetched ends with everything else of a person who signs out everywhere: the device may be a thief's, who only has to wait.
func TestDevice_WhatWasApprovedEndsWithAllSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	_, _, d := w.device(t, "scope", "openid offline_access")
	w.decide(t, d["user_code"], true)
	_, err := w.store.EndSessionsOf(t.Context(), w.user.ID, "", time.Now())
	must(t, err)
	status, _, a := w.poll(t, d["device_code"])
	wantPoll(t, "after all sessions ended", status, a, "access_denied")
}

// A plain sign-out stops what does not outlive the session, as it does with a code, and leaves the device that asked to stay.
func TestDevice_WhatWasApprovedEndsWithItsSessionUnlessOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, television)
	for scope, stays := range map[string]bool{"openid": false, "openid offline_access": true} {
		_, _, d := w.device(t, "scope", scope)
		w.decide(t, d["user_code"], true)
		sessions, err := w.store.SessionsOf(t.Context(), w.user.ID, time.Now())
		must(t, err)
		for _, s := range sessions {
			_, err := w.store.EndSession(t.Context(), s.ID, time.Now())
			must(t, err)
		}
		status, _, a := w.poll(t, d["device_code"])
		if stays && status != http.StatusOK {
			t.Errorf("%s: got %d %v, want tokens", scope, status, a)
		}
		if !stays {
			wantPoll(t, scope, status, a, "access_denied")
		}
	}
}

// One line of IPv6 has any number of addresses: it must not take all the requests that may wait for a client that anybody can be.
func TestDevice_ANetworkTakesNoOthersPlaces(t *testing.T) { // RFC 8628 §5.1
	t.Parallel()
	w := newWorld(t)
	w.cross.PerNetwork = 3
	start := func(c *idp.Client, address string) error {
		_, err := w.cross.StartDevice(idp.WithPeer(t.Context(), idp.Peer{Address: address}), crossdevice.Ask{Client: c, Scopes: []string{"openid"}}, time.Now())
		return err
	}
	public, confidential := &idp.Client{ID: "tv", AuthMethods: []string{idp.AuthNone}}, &idp.Client{ID: "box", AuthMethods: []string{idp.AuthClientSecretBasic}}
	for i := range 4 {
		if err := start(public, fmt.Sprintf("2001:db8:1:%x::1", i)); (err != nil) != (i == 3) || err != nil && idp.KindOf(err) != idp.Throttled {
			t.Errorf("request %d of a network: got %v, want the fourth one throttled", i, err)
		}
	}
	if err := start(public, "2001:db8:2::1"); err != nil {
		t.Errorf("another network: got %v", err)
	}
	if err := start(confidential, "2001:db8:1:9::1"); err != nil {
		t.Errorf("a client that proves who it is: got %v", err)
	}
}
