package protocol

// RFC 7592, management of dynamic registrations.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestManage_ReadHasWhatRegistrationAnswered(t *testing.T) { // RFC 7592 §2.1, §3; protocol.md §3.5
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp().and(doc{"initiate_login_uri": "https://notes.example/login"}))
	uri, token := made.str("registration_client_uri"), made.str("registration_access_token")
	a := s.registrationCall(t, http.MethodGet, uri, token, nil).want(http.StatusOK)
	for _, name := range []string{"client_id", "client_name", "initiate_login_uri", "registration_client_uri", "registration_access_token", "client_id_issued_at", "redirect_uris", "scope"} {
		got, _ := json.Marshal(a.json[name])
		want, _ := json.Marshal(made.json[name])
		if string(got) != string(want) || string(want) == "null" {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be kept")
	}
}

func TestManage_NeedsTheClientsOwnToken(t *testing.T) { // RFC 7592 §2, §5
	t.Parallel()
	s := shared(t)
	mine, other := s.register(t, webApp()), s.register(t, webApp())
	uri := mine.str("registration_client_uri")
	for name, token := range map[string]string{
		"none": "", "made up": "idp_ra_x", "another client's": other.str("registration_access_token"), "the secret": mine.str("client_secret"),
		"cut": mine.str("registration_access_token")[:40],
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			var body any
			if method == http.MethodPut {
				body = webApp().and(doc{"client_id": mine.str("client_id")})
			}
			a := s.registrationCall(t, method, uri, token, body).want(http.StatusUnauthorized)
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no challenge", method, name)
			}
		}
	}
	s.registrationCall(t, http.MethodPatch, uri, mine.str("registration_access_token"), webApp()).want(http.StatusMethodNotAllowed)
	s.registrationCall(t, http.MethodGet, s.endpoint(t, "registration_endpoint")+"/nobody", mine.str("registration_access_token"), nil).want(http.StatusUnauthorized)
}

func TestManage_ReplaceTakesTheWholeDocument(t *testing.T) { // RFC 7592 §2.2
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp().and(doc{"policy_uri": "https://notes.example/privacy", "contacts": []string{"a@notes.example"}}))
	id, uri, token := made.str("client_id"), made.str("registration_client_uri"), made.str("registration_access_token")
	next := webApp().and(doc{"client_id": id, "client_name": "Field Notes 2", "redirect_uris": []string{"https://notes.example/cb2"}, "contacts": nil, "tos_uri": "https://notes.example/terms"})
	for name, wrong := range map[string]doc{
		"without client_id": next.and(doc{"client_id": nil}), "of another client": next.and(doc{"client_id": "other"}), "with its token": next.and(doc{"registration_access_token": token}),
		"with its address": next.and(doc{"registration_client_uri": uri}), "with a secret of its own": next.and(doc{"client_secret": "chosen-by-the-client-itself-0123456789"}),
		"http initiate_login_uri": next.and(doc{"initiate_login_uri": "http://notes.example/login"}),
	} {
		t.Run(name, func(t *testing.T) {
			s.registrationCall(t, http.MethodPut, uri, token, wrong).wantError(http.StatusBadRequest, "invalid_client_metadata")
		})
	}
	a := s.registrationCall(t, http.MethodPut, uri, token, next.and(doc{"client_secret": made.str("client_secret"), "logo_uri": nil})).want(http.StatusOK)
	if a.str("client_name") != "Field Notes 2" || a.str("tos_uri") == "" || a.json["policy_uri"] != nil || a.json["contacts"] != nil || a.json["client_secret"] != nil {
		t.Errorf("got %v, want the new document and nothing of the old one", a.json)
	}
	if fresh := a.str("registration_access_token"); fresh == "" || fresh == token {
		t.Error("the registration access token is the same as before")
	}
	s.registrationCall(t, http.MethodGet, uri, token, nil).want(http.StatusUnauthorized) // it is spent
	eventually(t, 5*time.Second, "the old redirect URI is refused", func() bool {
		return s.browser(t).az(made.application("https://notes.example/cb")).status == http.StatusBadRequest
	})
	s.browser(t).az(made.application("https://notes.example/cb2")).wantLogin()
}

// An administrator approved what the application said of itself then. When it calls itself something else, people are warned again.
func TestManage_AnApprovalIsForWhatWasApproved(t *testing.T) {
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp())
	uri, token := made.str("registration_client_uri"), made.str("registration_access_token")
	warned := func() bool {
		return s.browser(t).az(made.application("https://notes.example/cb"), "scope", "openid", "prompt", "consent").login(s.user(t)).wantConsent().is("notice")
	}
	s.Run(t, "client", "approve", made.str("client_id"))
	eventually(t, 5*time.Second, "nobody is warned of what was approved", func() bool { return !warned() })
	same := s.registrationCall(t, http.MethodPut, uri, token, webApp().and(doc{"client_id": made.str("client_id")})).want(http.StatusOK)
	if shown := s.Run(t, "client", "get", made.str("client_id"), "-o", "json"); !strings.Contains(shown, "registration:approved") {
		t.Errorf("the same application is approved no more:\n%s", shown)
	}
	s.registrationCall(t, http.MethodPut, uri, same.str("registration_access_token"), webApp().and(doc{"client_id": made.str("client_id"), "client_name": "Your Bank"})).want(http.StatusOK)
	eventually(t, 5*time.Second, "people are warned of what it became", warned)
}

// People allow what they read about, too: when an application says something else of itself, they are asked again before it gets another code.
func TestManage_PeopleAreAskedAgainWhatTheyAllowedAnotherToDo(t *testing.T) {
	t.Parallel()
	s := shared(t)
	app := webApp().and(doc{"scope": "openid email"})
	made := s.register(t, app)
	id, uri, token := made.str("client_id"), made.str("registration_client_uri"), made.str("registration_access_token")
	put := func(change doc) {
		t.Helper()
		token = s.registrationCall(t, http.MethodPut, uri, token, app.and(doc{"client_id": id}).and(change)).want(http.StatusOK).str("registration_access_token")
	}
	first, second := made.application("https://notes.example/cb"), made.application("https://elsewhere.example/cb")
	b := s.browser(t)
	b.az(first, "scope", "openid email").login(s.user(t)).wantConsent().allow().wantCode()
	b.az(first, "scope", "openid email").wantCode()
	put(doc{"contacts": []string{"new@notes.example"}})
	b.az(first, "scope", "openid email").wantCode() // it is still what they allowed
	put(doc{"redirect_uris": []string{"https://elsewhere.example/cb"}})
	eventually(t, 5*time.Second, "the new redirect URI is known", func() bool {
		return b.az(second, "scope", "openid email").status != http.StatusBadRequest
	})
	b.az(second, "scope", "openid email", "prompt", "none").wantErr("consent_required")
	b.az(second, "scope", "openid email").wantConsent().allow().wantCode()
	b.az(second, "scope", "openid email").wantCode()
	put(doc{"redirect_uris": []string{"https://elsewhere.example/cb"}, "client_name": "Your Bank"})
	b.az(second, "scope", "openid email").wantConsent()
}

// An operator's trust is in what they saw: whoever holds the registration access token could else have codes sent elsewhere with nobody asked.
func TestManage_TrustIsForWhatWasTrusted(t *testing.T) {
	t.Parallel()
	s := shared(t)
	issued := s.Run(t, "client", "registration-token", "create", "-o", "json")
	var initial struct{ Token string }
	if err := json.Unmarshal([]byte(issued), &initial); err != nil || initial.Token == "" {
		t.Fatalf("registration-token create: %v in %s", err, issued)
	}
	app := webApp().and(doc{"scope": "openid email", "token_endpoint_auth_method": "private_key_jwt", "jwks": publicKeys(t, "first")})
	made := s.registrationCall(t, http.MethodPost, s.endpoint(t, "registration_endpoint"), initial.Token, app).want(http.StatusCreated)
	id, uri, token := made.str("client_id"), made.str("registration_client_uri"), made.str("registration_access_token")
	put := func(t *testing.T, change doc) {
		t.Helper()
		token = s.registrationCall(t, http.MethodPut, uri, token, app.and(doc{"client_id": id}).and(change)).want(http.StatusOK).str("registration_access_token")
	}
	trusted := func() bool { return strings.Contains(s.Run(t, "client", "get", id, "-o", "json"), `"trusted": true`) }
	for _, c := range []struct {
		what   string
		change doc
		stays  bool
	}{
		{"another contact", doc{"contacts": []string{"new@notes.example"}}, true},
		{"redirect URIs", doc{"redirect_uris": []string{"https://elsewhere.example/cb"}}, false},
		{"keys elsewhere", doc{"jwks": nil, "jwks_uri": "https://elsewhere.example/keys"}, false},
		{"the method of authentication", doc{"jwks": nil, "token_endpoint_auth_method": "client_secret_basic"}, false},
	} {
		put(t, doc{})
		s.Run(t, "client", "update", id, "--trusted")
		if !trusted() {
			t.Fatal("the client is not trusted")
		}
		put(t, c.change)
		if trusted() != c.stays {
			t.Errorf("%s: got trust %t, want %t", c.what, !c.stays, c.stays)
		}
	}
	if told := s.Run(t, "audit", "export", "--type", "client.updated"); !strings.Contains(told, `"changed":"jwks jwks_uri"`) {
		t.Errorf("nothing says why trust fell:\n%s", told)
	}
}

// What an operator lets an API trade is for the one who proved to be it. With other keys somebody else could trade people's tokens.
func TestManage_LeaveToTradeEndsWithTheKeysThatHadIt(t *testing.T) {
	t.Parallel()
	s := shared(t)
	var initial struct{ Token string }
	if err := json.Unmarshal([]byte(s.Run(t, "client", "registration-token", "create", "-o", "json")), &initial); err != nil {
		t.Fatal(err)
	}
	app := webApp().and(doc{"scope": "openid email", "token_endpoint_auth_method": "private_key_jwt", "jwks": publicKeys(t, "first")})
	made := s.registrationCall(t, http.MethodPost, s.endpoint(t, "registration_endpoint"), initial.Token, app).want(http.StatusCreated)
	id, uri := made.str("client_id"), made.str("registration_client_uri")
	s.Run(t, "client", "update", id, "--grant", "authorization_code,"+grantExchange, "--exchange-audience", innerAPI)
	trades := func() bool {
		text := s.Run(t, "client", "get", id, "-o", "json")
		return strings.Contains(text, grantExchange) && strings.Contains(text, innerAPI)
	}
	grants := []string{"authorization_code", grantExchange} // as GET tells it
	same := s.registrationCall(t, http.MethodPut, uri, made.str("registration_access_token"), app.and(doc{"client_id": id, "grant_types": grants, "contacts": []string{"new@notes.example"}})).want(http.StatusOK)
	if !trades() {
		t.Error("another contact ended what the operator allows")
	}
	moved := s.registrationCall(t, http.MethodPut, uri, same.str("registration_access_token"), app.and(doc{"client_id": id, "grant_types": grants, "jwks": publicKeys(t, "second")})).want(http.StatusOK)
	if trades() || strings.Contains(string(moved.body), grantExchange) {
		t.Errorf("other keys may trade still: %v", moved.json)
	}
	again := s.registrationCall(t, http.MethodPut, uri, moved.str("registration_access_token"), app.and(doc{"client_id": id, "grant_types": grants})).want(http.StatusOK)
	if strings.Contains(string(again.body), grantExchange) {
		t.Errorf("it gave itself the grant again: %v", again.json)
	}
	if told := s.Run(t, "audit", "export", "--type", "client.updated"); !strings.Contains(told, `"lost":"token_exchange"`) {
		t.Errorf("nothing says what it lost:\n%s", told)
	}
}

func TestManage_OneOfManyReplacementsWins(t *testing.T) { // of many with one token, one wins
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp())
	var wait sync.WaitGroup
	results := make([]int, 16)
	for i := range results {
		wait.Go(func() {
			results[i] = s.registrationCall(t, http.MethodPut, made.str("registration_client_uri"), made.str("registration_access_token"), webApp().and(doc{"client_id": made.str("client_id")})).status
		})
	}
	wait.Wait()
	won := 0
	for _, status := range results {
		switch status {
		case http.StatusOK:
			won++
		case http.StatusUnauthorized:
		default:
			t.Errorf("status %d, want 200 or 401", status)
		}
	}
	if won != 1 {
		t.Errorf("%d changes with one token, want 1", won)
	}
}

func TestManage_ReplaceMayChangeTheWayToAuthenticate(t *testing.T) { // RFC 7592 §2.2: a new secret comes in the answer
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp().and(doc{"token_endpoint_auth_method": "none"}))
	a := s.registrationCall(t, http.MethodPut, made.str("registration_client_uri"), made.str("registration_access_token"),
		webApp().and(doc{"client_id": made.str("client_id"), "token_endpoint_auth_method": "client_secret_basic"})).want(http.StatusOK)
	if a.str("client_secret") == "" || a.json["client_secret_expires_at"] != json.Number("0") {
		t.Errorf("got %v, want a secret with its end", a.json)
	}
	b := s.registrationCall(t, http.MethodPut, made.str("registration_client_uri"), a.str("registration_access_token"),
		webApp().and(doc{"client_id": made.str("client_id"), "token_endpoint_auth_method": "none"})).want(http.StatusOK)
	if b.json["client_secret"] != nil {
		t.Error("a client without a secret got one")
	}
}

func TestManage_DeleteEndsAll(t *testing.T) { // RFC 7592 §2.3
	t.Parallel()
	s := shared(t)
	made := s.register(t, webApp().and(doc{"grant_types": []string{"authorization_code", "refresh_token"}}))
	c := made.application("https://notes.example/cb")
	in := s.signIn(t, c, "scope", "openid offline_access", "prompt", "consent")
	uri, token := made.str("registration_client_uri"), made.str("registration_access_token")
	if a := s.registrationCall(t, http.MethodDelete, uri, token, nil); a.status != http.StatusNoContent || len(a.body) > 0 {
		t.Fatalf("got %d with %d bytes, want 204 and nothing", a.status, len(a.body))
	}
	s.registrationCall(t, http.MethodGet, uri, token, nil).want(http.StatusUnauthorized)
	s.registrationCall(t, http.MethodDelete, uri, token, nil).want(http.StatusUnauthorized)
	if a := s.refresh(t, c, in.refresh); a.status != http.StatusUnauthorized && a.status != http.StatusBadRequest {
		t.Errorf("refresh: status %d, want it refused", a.status)
	}
	s.userInfo(t, in.access).want(http.StatusUnauthorized)
	eventually(t, 5*time.Second, "the client is unknown everywhere", func() bool { return s.browser(t).az(c).status == http.StatusBadRequest })
}

// publicKeys is a JWK Set of one new key.
func publicKeys(t *testing.T, kid string) doc {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return doc{"keys": []doc{{"kty": "EC", "use": "sig", "kid": kid, "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}}}
}
