package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"idp/internal/audit"
	"idp/internal/idp"
)

func TestClients_AreMadeReadChangedAndDeleted(t *testing.T) { // FS-29
	t.Parallel()
	w := newWorld(t)
	var created map[string]any
	var a answer
	w.writes(t, audit.ClientCreated, func() {
		a = w.want(t, http.StatusCreated, "POST", "/clients", `{"client_id":"app","client_name":"App","redirect_uris":["https://a.example/cb"],"contract":{"access_token_ttl":120}}`)
		created = a.json(t)
	})
	secret, _ := created["client_secret"].(string)
	if len(secret) < 43 || a.header.Get("Location") != testIssuer+Path+"/clients/app" {
		t.Errorf("created: got a secret of %d letters at %q, want one, and the client's address", len(secret), a.header.Get("Location"))
	}
	contract, _ := created["contract"].(map[string]any)
	if contract["access_token_ttl"] != 120.0 || contract["id_token_alg"] != "RS256" || contract["claims_in_id_token"] != true {
		t.Errorf("contract: got %v, want the given lifetime over the defaults, all written out", contract)
	}
	w.want(t, http.StatusConflict, "POST", "/clients", `{"client_id":"app","redirect_uris":["https://a.example/cb"]}`)

	read := w.want(t, http.StatusOK, "GET", "/clients/app", "")
	tag := read.header.Get("ETag")
	if tag == "" || tag != a.header.Get("ETag") {
		t.Errorf("ETag: got %q when read and %q when created, want the same", tag, a.header.Get("ETag"))
	}
	w.writes(t, audit.ClientUpdated, func() {
		b := w.want(t, http.StatusOK, "PATCH", "/clients/app", `{"client_name":"Site","contract":{"refresh_grace":5}}`, "If-Match", tag, "Content-Type", "application/merge-patch+json")
		got := b.json(t)
		contract := got["contract"].(map[string]any)
		if got["client_name"] != "Site" || contract["refresh_grace"] != 5.0 || contract["access_token_ttl"] != 120.0 || fmt.Sprint(got["redirect_uris"]) != "[https://a.example/cb]" || b.header.Get("ETag") == tag {
			t.Errorf("patched: got %v, want the two members changed, the rest kept, a new ETag", got)
		}
	})
	// Lost update: the version that was read is gone.
	stale := w.want(t, http.StatusPreconditionFailed, "PATCH", "/clients/app", `{"client_name":"Late"}`, "If-Match", tag)
	if stale.json(t)["code"] != CodePrecondition {
		t.Errorf("stale: got %s, want %s", stale.text, CodePrecondition)
	}
	w.want(t, http.StatusPreconditionFailed, "DELETE", "/clients/app", "", "If-Match", tag)
	w.want(t, http.StatusPreconditionFailed, "POST", "/clients/app/secret", "", "If-Match", tag)

	back := w.want(t, http.StatusOK, "PATCH", "/clients/app", `{"contract":{"access_token_ttl":null},"client_name":null}`, "If-Match", "*").json(t)
	if back["contract"].(map[string]any)["access_token_ttl"] != 600.0 || back["client_name"] != nil {
		t.Errorf("null: got %v, want the default again", back)
	}
	for patch, status := range map[string]int{
		`{"client_id":"other"}`: 422, `{"secrets":[]}`: 422, `{"managed_by":"x"}`: 422, `{"client_name":{"a":1}}`: 422, `{"Client_Name":"x"}`: 400, `[]`: 422, ``: 400,
		`{"redirect_uris":["javascript:alert(1)"]}`: 422, `{"contract":{"version":7}}`: 422, `{"token_endpoint_auth_methods":["private_key"]}`: 422,
	} {
		w.want(t, status, "PATCH", "/clients/app", patch, "Content-Type", "application/json")
	}
	before := len(w.events(t))
	w.want(t, http.StatusOK, "PATCH", "/clients/app", `{}`)
	if got := len(w.events(t)); got != before {
		t.Errorf("a patch that changes nothing wrote %d events, want none", got-before)
	}
	w.writes(t, audit.ClientSecretRotated, func() {
		fresh := w.want(t, http.StatusCreated, "POST", "/clients/app/secret", `{"overlap":3600}`).json(t)["client_secret"].(string)
		if fresh == secret || len(fresh) < 43 {
			t.Errorf("rotated: got the old secret or a short one of %d letters", len(fresh))
		}
	})
	w.want(t, http.StatusCreated, "POST", "/clients/app/secret", "")
	w.want(t, http.StatusUnprocessableEntity, "POST", "/clients/app/secret", `{"overlap":-1}`)
	w.want(t, http.StatusUnprocessableEntity, "POST", "/clients/app/secret", `{"overlap":9223372036854775807}`)
	if findings := w.want(t, http.StatusOK, "GET", "/clients/app/check", ""); !strings.Contains(findings.text, "pkce_optional") {
		t.Errorf("check: got %s, want pkce_optional among it", findings.text)
	}
	w.writes(t, audit.ClientDeleted, func() { w.want(t, http.StatusNoContent, "DELETE", "/clients/app", "") })
	w.want(t, http.StatusNotFound, "GET", "/clients/app", "")
	w.want(t, http.StatusNotFound, "DELETE", "/clients/app", "")
}

func TestClients_AreAppliedAndManagedByFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const secret = "k3Vt0m9QxZ1b7Lw2yRf8Nc5HsGd4JpUaTeXiOoKq"
	doc := func(name string) string {
		return `{"client":{"client_id":"web","client_name":"` + name + `","redirect_uris":["https://a.example/"]},"secrets":["` + secret + `"],"file":"a.yaml","line":3}`
	}
	dry := w.want(t, http.StatusOK, "POST", "/clients/apply", `{"dry_run":true,"clients":[`+doc("One")+`]}`)
	if !strings.Contains(dry.text, `"create"`) || strings.Contains(dry.text, secret) {
		t.Errorf("dry run: got %s, want create, and no secret", dry.text)
	}
	w.want(t, http.StatusNotFound, "GET", "/clients/web", "")
	w.writes(t, audit.ClientCreated, func() { w.want(t, http.StatusOK, "POST", "/clients/apply", `{"clients":[`+doc("One")+`]}`) })
	before := len(w.events(t))
	if again := w.want(t, http.StatusOK, "POST", "/clients/apply", `{"clients":[`+doc("One")+`],"prune":true}`); !strings.Contains(again.text, `"unchanged"`) || len(w.events(t)) != before {
		t.Errorf("again: got %s, want unchanged, and no event", again.text)
	}
	bad := w.want(t, http.StatusUnprocessableEntity, "POST", "/clients/apply", `{"clients":[{"client":{"client_id":"web","redirect_uris":["//evil.example"]},"file":"b.yaml","line":9}]}`).json(t)
	if !strings.HasPrefix(bad["detail"].(string), "b.yaml:9: ") || bad["field"] != "clients[0].redirect_uris[0]" {
		t.Errorf("fault: got %v, want file, line and field", bad)
	}
	for _, r := range []struct{ method, path, body string }{
		{"PATCH", "/clients/web", `{"client_name":"Two"}`},
		{"POST", "/clients/web/secret", ""},
		{"DELETE", "/clients/web", ""},
	} {
		if p := w.want(t, http.StatusConflict, r.method, r.path, r.body).json(t); p["code"] != "managed_by_file" || !strings.Contains(p["detail"].(string), "files") {
			t.Errorf("%s %s: got %v, want managed_by_file, naming the source", r.method, r.path, p)
		}
	}
	w.writes(t, audit.ClientUpdated, func() {
		w.want(t, http.StatusOK, "PATCH", "/clients/web?force=true", `{"client_name":"Two"}`)
	})
	w.writes(t, audit.ClientUpdated, func() {
		if back := w.want(t, http.StatusOK, "POST", "/clients/apply", `{"clients":[`+doc("One")+`]}`); !strings.Contains(back.text, `\"Two\"`) {
			t.Errorf("apply after a forced change: got %s, want the difference told", back.text)
		}
	})
	w.writes(t, audit.ClientDeleted, func() { w.want(t, http.StatusOK, "POST", "/clients/apply", `{"clients":[],"prune":true}`) })
}

func TestClients_AreListedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 7 {
		w.want(t, http.StatusCreated, "POST", "/clients", fmt.Sprintf(`{"client_id":"c%d","token_endpoint_auth_methods":["none"],"redirect_uris":["https://a.example/"]}`, i))
	}
	var seen []string
	after := ""
	for range 5 {
		p := w.want(t, http.StatusOK, "GET", "/clients?limit=3&after="+after, "").json(t)
		for _, item := range p["items"].([]any) {
			seen = append(seen, item.(map[string]any)["client_id"].(string))
		}
		next, more := p["next"].(string)
		if !more {
			break
		}
		after = next
	}
	if got := strings.Join(seen, " "); got != "c0 c1 c2 c3 c4 c5 c6" {
		t.Errorf("paged: got %s, want each client once, in order", got)
	}
}

// TestGet_GivesNoSecret makes one of everything and reads all there is to read (SEC-2).
func TestGet_GivesNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.want(t, http.StatusCreated, "POST", "/clients", `{"client_id":"app","redirect_uris":["https://a.example/"]}`).json(t)
	secrets := []string{made["client_secret"].(string), goodPassword, "upstream-secret", "$argon2"}
	secrets = append(secrets, w.want(t, http.StatusCreated, "POST", "/clients/app/secret", "").json(t)["client_secret"].(string))
	userID := w.user(t, "u@corp.example")
	sessionID := w.session(t, userID)
	w.want(t, http.StatusCreated, "POST", "/providers", `{"id":"corp","type":"oidc","name":"Corp","issuer":"https://op.example","client_id":"x","client_secret":"upstream-secret"}`)
	c, err := w.Clients.Get(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Secrets {
		secrets = append(secrets, s.Digest)
	}
	row, err := w.Store.Provider(t.Context(), "corp")
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, row.Secret)
	if err := w.Store.PutTraces(t.Context(), []*idp.Trace{{ID: "trace", At: c.CreatedAt, ExpiresAt: c.CreatedAt.AddDate(1, 0, 0)}}); err != nil {
		t.Fatal(err)
	}
	w.want(t, http.StatusCreated, "POST", "/resources", `{"id":"tools","resource":"https://tools.example/mcp"}`)
	secrets = append(secrets, w.want(t, http.StatusCreated, "POST", "/registration-tokens", `{"name":"partner"}`).json(t)["token"].(string))
	w.want(t, http.StatusOK, "PUT", "/authorization-types/payment", `{"schema":{"type":"object"}}`)
	paths := strings.NewReplacer("{name}", "payment", "{resource_id}", "tools", "{user_id}", userID, "{client_id}", "app", "{provider_id}", "corp", "{session_id}", sessionID, "{trace_id}", "trace")
	n := 0
	for path, item := range w.spec.Paths {
		if item.Get == nil {
			continue
		}
		a := w.want(t, http.StatusOK, "GET", paths.Replace(path), "")
		n++
		for _, s := range secrets {
			if strings.Contains(a.text, s) {
				t.Errorf("GET %s gives a secret away: %.80s…", path, s)
			}
		}
	}
	if n < 14 {
		t.Errorf("reads: got %d, want every GET of the description", n)
	}
	for _, s := range secrets {
		if strings.Contains(w.log.String(), s) {
			t.Errorf("the log holds a secret: %.20s…", s)
		}
	}
}
