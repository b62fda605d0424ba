package oauth

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/crossdevice"
	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/trace"
)

// clientCall is a client's own request to an endpoint that begins something: who it is, what it sent, and its trace.
type clientCall struct {
	p      *Provider
	w      http.ResponseWriter
	r      *http.Request
	now    time.Time
	client *idp.Client
	form   url.Values
	trace  *trace.T
}

// clientCall reads the form and authenticates the client. It has answered already if ok is false.
func (p *Provider) clientCall(w http.ResponseWriter, r *http.Request, endpoint string) (*clientCall, bool) {
	c := &clientCall{p: p, w: w, r: r, now: time.Now()}
	if r.Method != http.MethodPost {
		methodNotAllowed(w, http.MethodPost)
		return nil, false
	}
	c.trace = p.Traces.Begin(logctx.From(r.Context()).Trace, endpoint, c.now)
	logctx.Set(r.Context(), slog.String("trace_id", c.trace.ID))
	var err error
	if c.form, err = readForm(w, r); err != nil {
		c.trace.Fail(idp.Check{Name: "form of the request", Expected: "a form-encoded body, each parameter once", Received: wireError(err).Description, Mend: mendForm, Clause: "RFC 6749 §3.2"})
		c.fail(err)
		return nil, false
	}
	if c.client, err = p.auth.Authenticate(r.Context(), r, c.form, nil, c.trace, c.now); err != nil {
		c.fail(err)
		return nil, false
	}
	logClient(r, c.client)
	return c, true
}

// mendForm is what to do about a form that cannot be read.
const mendForm = "Let the application send its parameters form-encoded in the body of a POST, each once and within 64 KiB; client libraries do."

// fail answers with an error and ends the trace.
func (c *clientCall) fail(err error) {
	c.p.refuse(c.w, c.r, err, c.trace)
}

// mayUse refuses a client that is not registered for a grant (RFC 6749 §5.2).
func (c *clientCall) mayUse(grantType string) error {
	if slices.Contains(c.client.GrantTypes, grantType) {
		return nil
	}
	c.trace.Fail(idp.Check{
		Name: "client may use the grant", Expected: list(c.client.GrantTypes), Received: grantType,
		Mend: "`idp client update " + c.client.ID + " --add-grant " + grantType + "`, if it should.", Clause: "RFC 6749 §5.2",
	})
	return &Error{Status: http.StatusBadRequest, Code: idp.CodeUnauthorizedClient, Description: "The client is not registered for this grant type."}
}

// scopes returns what the client asks for: each scope one that it may have (RFC 6749 §3.3).
func (c *clientCall) scopes() ([]string, error) {
	scopes := c.client.RequestedScopes(c.form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(c.client.Scopes, s) {
			c.trace.Fail(idp.Check{
				Name: "scope is allowed", Expected: strings.Join(c.client.Scopes, " "), Received: s,
				Mend: "`idp client update " + c.client.ID + " --add-scope " + printable(s) + "`, or take it out of the application's request.", Clause: "RFC 6749 §3.3",
			})
			// RFC 10027 §6.1.9: what a client may ask for elsewhere is the most.
			return nil, &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidScope, Description: "The client may not ask for the scope " + printable(s) + "."}
		}
	}
	return scopes, nil
}

// askBeyondScopes reads the resources that the tokens are for (RFC 8707 §2), the authorization details (RFC 9396 §2) and the wishes for how the
// person signs in (RFC 9470 §4, CIBA §7.1): they are parameters of any authorization request. What the person allows is the first two of them, and no
// token says more.
func (c *clientCall) askBeyondScopes(ctx context.Context, ask *crossdevice.Ask) (err error) {
	var fault string
	if ask.ACRValues, fault = acrWishes(c.client, c.form.Get("acr_values")); fault != "" {
		c.trace.Fail(idp.Check{
			Name: "acr_values can be read", Expected: "names of authentication contexts, few and short", Received: fault,
			Mend: "Ask for some of acr_values_supported in the discovery document.", Clause: "OpenID Connect Core §3.1.2.1",
		})
		return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: fault}
	}
	if ask.Audience, fault = c.p.audienceOf(c.client, c.form["resource"], c.trace); fault != "" {
		return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidTarget, Description: fault}
	}
	if ask.Details, fault, err = c.p.detailsOf(ctx, c.client, c.form.Get("authorization_details"), c.trace); fault != "" {
		return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidAuthorizationDetails, Description: fault}
	}
	return err
}

// aboutToken reads what a client asks about a token, or asks to be done with it. It is clientCall for endpoints that are asked all day: a trace is kept
// only of a client that could not prove who it is. It has answered already if ok is false.
func (p *Provider) aboutToken(w http.ResponseWriter, r *http.Request, endpoint string) (client *idp.Client, token string, now time.Time, ok bool) {
	now = time.Now()
	if r.Method != http.MethodPost {
		methodNotAllowed(w, http.MethodPost)
		return nil, "", now, false
	}
	form, err := readForm(w, r)
	if err != nil {
		p.answerError(w, r, err, "")
		return nil, "", now, false
	}
	t := p.Traces.Begin(logctx.From(r.Context()).Trace, endpoint, now)
	client, err = p.auth.Authenticate(r.Context(), r, form, nil, t, now)
	if err != nil {
		p.refuse(w, r, err, t)
		return nil, "", now, false
	}
	logClient(r, client)
	// RFC 7009 §2.1, RFC 7662 §2.1: it is required.
	if token = form.Get("token"); token == "" {
		p.answerError(w, r, &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: "The parameter token is missing."}, "")
		return nil, "", now, false
	}
	return client, token, now, true
}

// logClient names the client in the access line.
func logClient(r *http.Request, c *idp.Client) {
	logctx.Set(r.Context(), slog.String("client_id", c.ID))
}
