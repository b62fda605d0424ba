package upstreamtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const authorizePage = `<!doctype html><html lang="en"><title>Fake provider</title>
<h1>Sign in at the fake provider</h1><p>You are {{.Subject}}.</p>
<form method="post" action="/authorize">{{range $k, $vs := .Query}}{{range $vs}}<input type="hidden" name="{{$k}}" value="{{.}}">{{end}}{{end}}
<button name="decision" value="allow">Continue</button> <button name="decision" value="deny">Cancel</button></form></html>`

func (op *OP) authorize(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	op.mu.Lock()
	form, person := op.script.Form, op.person
	op.mu.Unlock()
	if form && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = op.page.Execute(w, map[string]any{"Subject": person.Subject, "Query": r.Form})
		return
	}
	decision := r.Form.Get("decision")
	r.Form.Del("decision")
	target, answer, err := op.answer(r.Form, decision != "deny")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	query := target.Query()
	for k, vs := range answer {
		query[k] = vs
	}
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// answer decides an authorization request. An error is a request that must not be redirected.
func (op *OP) answer(query url.Values, allowed bool) (*url.URL, url.Values, error) {
	op.mu.Lock()
	defer op.mu.Unlock()
	op.authorizations = append(op.authorizations, query)
	for name, values := range query {
		if len(values) != 1 {
			return nil, nil, fmt.Errorf("%s is there %d times", name, len(values))
		}
	}
	target, err := url.Parse(query.Get("redirect_uri"))
	switch {
	case err != nil || target.Host == "":
		return nil, nil, errors.New("redirect_uri is missing or malformed")
	case query.Get("client_id") != op.ClientID:
		return nil, nil, errors.New("client_id is unknown")
	case query.Get("response_type") != "code", query.Get("state") == "":
		return nil, nil, fmt.Errorf("not a code request with state: %s", query.Encode())
	case op.script.RefusesPKCE == query.Has("code_challenge"),
		query.Has("code_challenge") && (query.Get("code_challenge_method") != "S256" || len(query.Get("code_challenge")) != 43):
		return nil, nil, fmt.Errorf("with PKCE or without, whichever is wrong here: %s", query.Encode())
	case !op.script.Plain && (query.Get("nonce") == "" || !slices.Contains(strings.Fields(query.Get("scope")), "openid")):
		return nil, nil, fmt.Errorf("not a request with openid and nonce: %s", query.Encode())
	}
	answer := url.Values{"state": {query.Get("state")}}
	switch {
	case op.script.AuthorizeError != "":
		answer.Set("error", op.script.AuthorizeError)
		if op.script.AuthorizeDescription != "" {
			answer.Set("error_description", op.script.AuthorizeDescription)
		}
	case !allowed:
		answer.Set("error", "access_denied")
	default:
		code := rand.Text()
		op.codes[code] = &grant{request: query, person: op.person}
		answer.Set("code", code)
	}
	if op.script.AnnounceIss {
		answer.Set("iss", op.Issuer)
	}
	if op.script.CallbackIss != nil {
		answer.Del("iss")
		if *op.script.CallbackIss != "" {
			answer.Set("iss", *op.script.CallbackIss)
		}
	}
	return target, answer, nil
}
