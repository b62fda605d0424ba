package oauth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/oauth/grant"
	"idp/internal/trace"
)

// tokenAnswer is RFC 6749 §5.1. Members without a value are left out, never null (RP-5).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	IssuedType   string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1

	Details json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396 §7
}

// Token is the token endpoint (RFC 6749 §3.2).
func (p *Provider) Token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, http.MethodPost)
		return
	}
	ctx, now := r.Context(), time.Now()
	t := p.Traces.Begin(logctx.From(ctx).Trace, "token", now)
	fail := func(err error) {
		if e := wireError(err); e.Code == idp.CodeAuthorizationPending {
			p.answerError(w, r, e, t.ID)
			t.End(trace.Waiting)
			return
		}
		p.refuse(w, r, err, t)
	}
	form, err := readForm(w, r)
	if err != nil {
		t.Fail(idp.Check{Name: "form of the request", Expected: "a form-encoded body, each parameter once", Received: wireError(err).Description, Mend: mendForm, Clause: "RFC 6749 §3.2"})
		fail(err)
		return
	}
	name := form.Get("grant_type")
	logctx.Set(ctx, slog.String("trace_id", t.ID))
	entry := p.grantNamed(name)
	if entry == nil {
		t.Fail(idp.Check{Name: "grant_type", Expected: list(p.grantTypes()), Received: printable(name), Mend: "Set the application to one of these; grant_type stands in the body of the request.", Clause: "RFC 6749 §5.2"})
		fail(unsupportedGrant(name))
		return
	}
	logctx.Set(ctx, slog.String("grant_type", entry.name))
	s := &grant.Session{Now: now, Trace: t, StillServed: p.stillServed, Fitting: p.fitting}
	request, err := p.engine.NewAccessRequest(ctx, r, s)
	if s.Client != nil {
		logctx.Set(ctx, slog.String("client_id", s.Client.ID))
	}
	if s.Proof.NextNonce != "" { // RFC 9449 §8, §8.2
		w.Header().Set(headerDPoPNonce, s.Proof.NextNonce)
	}
	if err != nil {
		fail(err)
		return
	}
	response, err := p.engine.NewAccessResponse(ctx, request)
	if err != nil {
		fail(err)
		return
	}
	p.IssuedTokens(entry.name)
	t.End(trace.OK)
	a := tokenAnswer{AccessToken: response.GetAccessToken(), TokenType: response.GetTokenType()}
	a.ExpiresIn, _ = response.GetExtra("expires_in").(int64)
	a.RefreshToken, _ = response.GetExtra("refresh_token").(string)
	a.Scope, _ = response.GetExtra("scope").(string)
	a.IDToken, _ = response.GetExtra("id_token").(string)
	a.IssuedType, _ = response.GetExtra("issued_token_type").(string)
	a.Details = s.Details
	writeJSON(w, http.StatusOK, a)
}

func unsupportedGrant(name string) error {
	if name == "" {
		return &Error{Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, Description: "The parameter grant_type is missing."}
	}
	return &Error{Status: http.StatusBadRequest, Code: idp.CodeUnsupportedGrantType, Description: "This grant type is not supported."}
}
