package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/idp"
)

// ResourceMetadata serves the metadata of the operator's protected resources (RFC 9728 §3): each under its id, whose address the resource tells in its
// challenges; and, for a resource of this server's own host or one whose proxy hands the well-known path on, where its
// identifier puts it.
func (p *Provider) ResourceMetadata(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		methodNotAllowed(w, http.MethodGet)
		return
	}
	list, err := p.Resources.All(r.Context())
	if err != nil {
		p.answerError(w, r, err, "")
		return
	}
	_, rest, _ := strings.Cut(r.URL.Path, idp.WellKnownResource)
	for _, one := range list {
		if rest == "/"+one.ID || p.liesAt(one, r.Host, rest) {
			p.writeResource(w, one)
			return
		}
	}
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_found", "error_description": "There is no protected resource with metadata at this address."})
}

// liesAt reports whether the identifier of a resource puts its metadata at host and path (RFC 9728 §3.1).
func (p *Provider) liesAt(one *idp.Resource, host, path string) bool {
	u, err := url.Parse(one.Identifier)
	return err == nil && strings.EqualFold(u.Host, host) && strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(path, "/")
}

// resourceDocument is what is told of a resource (RFC 9728 §2).
type resourceDocument struct {
	*idp.Resource
	Servers       []string `json:"authorization_servers"`
	BearerMethods []string `json:"bearer_methods_supported"`
}

// writeResource answers with the metadata (RFC 9728 §3.2).
func (p *Provider) writeResource(w http.ResponseWriter, one *idp.Resource) {
	body, err := json.Marshal(resourceDocument{Resource: one, Servers: []string{p.Issuer}, BearerMethods: []string{"header"}})
	if err != nil {
		http.Error(w, `{"error":"`+idp.CodeServerError+`"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = []string{"public, max-age=300"}
	h["X-Content-Type-Options"] = nosniff
	_, _ = w.Write(body) // the client is gone if this fails
}
