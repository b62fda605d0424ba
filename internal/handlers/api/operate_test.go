package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/directory"
	"idp/internal/idp"
)

func TestKeys_RotateAndRetire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys := func() map[string]string { // by id, the state
		out := map[string]string{}
		for _, item := range w.want(t, http.StatusOK, "GET", "/keys", "").json(t)["items"].([]any) {
			k := item.(map[string]any)
			out[k["kid"].(string)] = k["alg"].(string) + " " + k["state"].(string)
		}
		return out
	}
	if got := keys(); len(got) != 3 {
		t.Fatalf("keys: got %v, want one of each algorithm", got)
	}
	var kid string
	w.writes(t, audit.KeyRotated, func() {
		kid = w.want(t, http.StatusCreated, "POST", "/keys/rotate", `{"alg":"ES256"}`).json(t)["kid"].(string)
	})
	if got := keys(); got[kid] != "ES256 next" {
		t.Errorf("new key: got %q, want it published and not signing yet", got[kid])
	}
	var now string
	w.writes(t, audit.KeyRotated, func() {
		now = w.want(t, http.StatusCreated, "POST", "/keys/rotate", `{"alg":"EdDSA","now":true}`).json(t)["kid"].(string)
	})
	if got := keys(); got[now] != "EdDSA signing" {
		t.Errorf("new key at once: got %q, want it signing", got[now])
	}
	w.want(t, http.StatusUnprocessableEntity, "POST", "/keys/rotate", `{"alg":"none"}`)
	w.want(t, http.StatusUnprocessableEntity, "POST", "/keys/rotate", `{}`)
	w.writes(t, audit.KeyRetired, func() { w.want(t, http.StatusNoContent, "POST", "/keys/"+now+"/retire", "") })
	if got := keys(); got[now] != "EdDSA published" {
		t.Errorf("retired: got %q, want it published still", got[now])
	}
	w.writes(t, audit.KeyRetired, func() { w.want(t, http.StatusNoContent, "POST", "/keys/"+now+"/retire", `{"leaked":true}`) })
	if _, there := keys()[now]; there {
		t.Error("a key that leaked is published still")
	}
}

func TestProviders_AreMadeReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const corp = `{"id":"corp","type":"oidc","name":"Corp","issuer":"https://127.0.0.1:1","client_id":"x","client_secret":"one"}`
	w.writes(t, audit.ProviderCreated, func() {
		p := w.want(t, http.StatusCreated, "POST", "/providers", corp).json(t)
		if p["callback_url"] != testIssuer+"/login/callback/corp" || p["linking"] != "prove" || p["client_auth_method"] != "client_secret_basic" {
			t.Errorf("created: got %v, want the defaults and the callback address", p)
		}
	})
	if got := w.want(t, http.StatusConflict, "POST", "/providers", corp).json(t)["code"]; got != "provider_exists" {
		t.Errorf("again: got %v, want provider_exists", got)
	}
	w.want(t, http.StatusUnprocessableEntity, "POST", "/providers", `{"id":"x","type":"oidc","name":"X","issuer":"http://op.example","client_id":"x","client_secret":"y"}`)
	secret := func() string {
		t.Helper()
		row, err := w.Store.Provider(t.Context(), "corp")
		if err != nil {
			t.Fatal(err)
		}
		p, err := directory.Open(row, w.Keyring)
		if err != nil {
			t.Fatal(err)
		}
		return p.ClientSecret
	}
	w.writes(t, audit.ProviderUpdated, func() {
		p := w.want(t, http.StatusOK, "PATCH", "/providers/corp", `{"name":"Corporate","allowed_domains":["corp.example"]}`).json(t)
		if p["name"] != "Corporate" || p["issuer"] != "https://127.0.0.1:1" || secret() != "one" {
			t.Errorf("patched: got %v, want the rest, and the secret, kept", p)
		}
	})
	w.want(t, http.StatusOK, "PATCH", "/providers/corp", `{"client_secret":"two"}`)
	if got := secret(); got != "two" {
		t.Error("the new client secret was not kept")
	}
	w.want(t, http.StatusUnprocessableEntity, "PATCH", "/providers/corp", `{"id":"other"}`)
	w.want(t, http.StatusUnprocessableEntity, "PATCH", "/providers/corp", `{"linking":"automatic"}`)
	if got := w.want(t, http.StatusOK, "POST", "/providers/corp/test", ""); !strings.Contains(got.text, `"discovery"`) {
		t.Errorf("test: got %s, want a finding about discovery", got.text)
	}
	gold := `{"vouches_for":[{"context":"urn:example:gold","acr":"urn:up:mfa"}]}`
	if got := w.want(t, http.StatusOK, "PATCH", "/providers/corp", gold); !strings.Contains(got.text, "urn:up:mfa") {
		t.Errorf("vouches_for: got %s, want it told again", got.text)
	}
	for _, wrong := range []string{`{"context":"urn:example:unknown","acr":"x"}`, `{"context":"urn:example:gold"}`, `{"context":"","acr":"x"}`, `{"context":"urn:example:gold","acr":"a b"}`} {
		w.want(t, http.StatusUnprocessableEntity, "PATCH", "/providers/corp", `{"vouches_for":[`+wrong+`]}`)
	}
	w.want(t, http.StatusOK, "PATCH", "/providers/corp", `{"disabled":true}`)
	w.writes(t, audit.ProviderDeleted, func() { w.want(t, http.StatusNoContent, "DELETE", "/providers/corp", "") })
}

func TestProviders_MayBePlainOAuth2(t *testing.T) { // FD-1
	t.Parallel()
	w := newWorld(t)
	const chat = `{"id":"%s","type":"oauth2","name":"Chat","client_id":"x","client_secret":"one","authorization_url":"https://chat.example/authorize",
		"token_url":"https://chat.example/token","userinfo_url":"%s","authorization_parameters":{"a":"1","b":"2"},"claims":{"subject":"data.id","email":"data.mail"}}`
	p := w.want(t, http.StatusCreated, "POST", "/providers", fmt.Sprintf(chat, "chat", "https://chat.example/me")).json(t)
	if p["issuer"] != "https://chat.example" || p["userinfo_url"] != "https://chat.example/me" || !maps.Equal(p["claims"].(map[string]any), map[string]any{"subject": "data.id", "email": "data.mail"}) {
		t.Errorf("created: got %v, want it told again, with the issuer of its host", p)
	}
	p = w.want(t, http.StatusOK, "PATCH", "/providers/chat", `{"authorization_parameters":{"a":null},"claims":{"email_verified":"data.ok"},"without_pkce":true}`).json(t)
	if !maps.Equal(p["authorization_parameters"].(map[string]any), map[string]any{"b": "2"}) || p["claims"].(map[string]any)["subject"] != "data.id" || p["without_pkce"] != true {
		t.Errorf("patched: got %v, want one parameter gone and the other members kept", p)
	}
	for _, wrong := range []string{`{"claims":null}`, `{"claims":{"subject":"login"}}`, `{"token_url":"http://chat.example/token"}`, `{"authorization_parameters":{"state":"x"}}`, `{"type":"oidc"}`, `{"issuer":"https://accounts.google.com"}`} {
		w.want(t, http.StatusUnprocessableEntity, "PATCH", "/providers/chat", wrong)
	}
	w.want(t, http.StatusUnprocessableEntity, "POST", "/providers", fmt.Sprintf(chat, "team", "https://chat.example/team/me")) // under the same issuer
	w.want(t, http.StatusCreated, "POST", "/providers", fmt.Sprintf(chat, "again", "https://chat.example/me"))
}

func TestAudit_TailIsReadByCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := time.Now().UTC().Truncate(time.Second)
	a, b := w.user(t, "a@corp.example"), w.user(t, "b@corp.example")
	read := func(query string) (types []string, cursor string) {
		p := w.want(t, http.StatusOK, "GET", "/audit?"+query, "").json(t)
		for _, item := range p["items"].([]any) {
			e := item.(map[string]any)
			types = append(types, e["type"].(string)+" "+e["user_id"].(string))
		}
		return types, p["cursor"].(string)
	}
	if got, cursor := read("limit=1"); len(got) != 1 || got[0] != "user.created "+a || cursor == "" {
		t.Errorf("first page: got %v, want the first event", got)
	} else if got, cursor = read("after=" + cursor); len(got) != 1 || got[0] != "user.created "+b {
		t.Errorf("second page: got %v, want the second event", got)
	} else if got, again := read("after=" + cursor); len(got) != 0 || again != cursor {
		t.Errorf("end: got %v %q, want nothing, and the cursor kept so that one can wait", got, again)
	}
	if got, _ := read("user_id=" + b); len(got) != 1 {
		t.Errorf("about one user: got %v, want one", got)
	}
	if got, _ := read("since=" + url.QueryEscape(start.Format(time.RFC3339))); len(got) != 2 {
		t.Errorf("since the start: got %v, want both", got)
	}
	if got, _ := read("since=" + url.QueryEscape(start.Add(time.Hour).Format(time.RFC3339))); len(got) != 0 {
		t.Errorf("since an hour from now: got %v, want none", got)
	}
}

func TestFirstID_SortsByTime(t *testing.T) {
	t.Parallel()
	at := time.Now()
	id := idp.NewID()
	if first := firstID(at.Truncate(time.Millisecond)); first >= id {
		t.Errorf("first id of a time: got %s, want it before %s, made then or later", first, id)
	}
	if later := firstID(time.Now().Add(2 * time.Millisecond)); later <= id {
		t.Errorf("first id of a later time: got %s, want it after %s", later, id)
	}
}

func TestTrace_AndWhoamiAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Now().UTC()
	trace := &idp.Trace{ID: "t1", At: at, Endpoint: "authorize", ClientID: "app", Outcome: "error_page", ExpiresAt: at.Add(time.Hour), Checks: []idp.Check{
		{Name: "redirect_uri", Expected: "https://a.example/cb", Received: "https://a.example/cb/", Mend: "Remove the slash.", Clause: "RFC 6749 §3.1.2"},
	}}
	if err := w.Store.PutTraces(t.Context(), []*idp.Trace{trace}); err != nil {
		t.Fatal(err)
	}
	if got := w.want(t, http.StatusOK, "GET", "/traces/t1", ""); !strings.Contains(got.text, `"https://a.example/cb/"`) {
		t.Errorf("trace: got %s, want what was received", got.text)
	}
	if got := w.want(t, http.StatusOK, "GET", "/whoami", "").json(t); got["kind"] != "user" || got["id"] != "admin-1" || got["issuer"] != testIssuer {
		t.Errorf("whoami: got %v", got)
	}
}
