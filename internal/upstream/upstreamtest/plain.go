package upstreamtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"idp/internal/idp"
)

// Raw is an answer as it goes over the wire.
type Raw struct {
	Status     int    // 0 is 200
	Type, Body string // without a Type the body is JSON
}

func (a Raw) write(w http.ResponseWriter) {
	kind := a.Type
	if kind == "" {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = io.WriteString(w, a.Body)
}

// Plain makes this a provider of plain OAuth 2 (Script.Plain) and returns its configuration under the given id, as type "oauth2": the address and its mark
// come from the user's answer. The caller may change it.
func (op *OP) Plain(id string) idp.Provider {
	op.Script(func(s *Script) { s.Plain = true })
	row := op.Row(id)
	row.Type = "oauth2"
	row.ProviderEndpoints = idp.ProviderEndpoints{
		AuthorizationURL: op.Issuer + "/authorize", TokenURL: op.Issuer + "/token", UserInfoURL: op.Issuer + "/userinfo",
		Claims: idp.ClaimMembers{Subject: "id", Name: "name", Username: "login", Picture: "avatar_url", Email: "email", EmailVerified: "verified"},
	}
	return row
}

// GitHubRow returns the configuration of this provider as if it were GitHub: the preset with other addresses.
func (op *OP) GitHubRow(id string) idp.Provider {
	row := op.Plain(id)
	row.Type, row.Name, row.EmailsURL = "github", "", op.Issuer+"/emails"
	row.Claims.Email, row.Claims.EmailVerified = "", ""
	return row
}

func plainUser(p Person) map[string]any {
	user := personClaims(p)
	delete(user, "email_verified")
	user["id"] = p.Subject
	if _, err := strconv.ParseUint(p.Subject, 10, 64); err == nil {
		user["id"] = json.Number(p.Subject)
	}
	if p.EmailVerified != nil {
		user["verified"] = p.EmailVerified
	}
	for name, value := range p.Extra {
		user[name] = value
	}
	return user
}

func (op *OP) emails(w http.ResponseWriter, r *http.Request) {
	g := op.bearer(w, r)
	if g == nil {
		return
	}
	list := []map[string]any{{"email": "1+u@users.noreply.example", "primary": false, "verified": true}}
	if g.person.Email != "" {
		list = append(list, map[string]any{"email": g.person.Email, "primary": true, "verified": g.person.EmailVerified, "visibility": nil})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}
