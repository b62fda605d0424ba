package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/idp"
	"idp/internal/secret"
)

// requestURIPrefix is the form of a request_uri that we give out (RFC 9126 §2.2); what follows names a row and proves that we made it.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// The marks that kept adds to a request's parameters: how they came. No parameter of a request is kept under such a name.
const markPushed = "idp:pushed"

// openRequest puts the parameters that count in the place of those that came, where the request is elsewhere: pushed before.
func (p *Provider) openRequest(ctx context.Context, a *authorizeRequest) error {
	uri := a.Params.Get("request_uri")
	if strings.HasPrefix(uri, requestURIPrefix) {
		return p.openPushed(ctx, a, uri)
	}
	return nil
}

// openPushed finds a pushed request. Nothing that stands beside its request_uri counts (RFC 9126 §4, RFC 9101 §5). It may be opened again until it
// is answered: people load pages twice.
func (p *Provider) openPushed(ctx context.Context, a *authorizeRequest, uri string) error {
	token, ok := p.Keyring.ParseToken(secret.TokenPushed, strings.TrimPrefix(uri, requestURIPrefix))
	if !ok {
		return a.deadRequest("one that this server made, unchanged", "another text")
	}
	r, err := p.Store.PushedRequest(ctx, token.ID, token.Digest, a.RequestedAt)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return a.deadRequest("one that has not expired", "an expired one")
	case err != nil:
		return err
	// RFC 9126 §2.2: bound to the client that pushed it, or one could finish what another began (§7.3).
	case r.ClientID != a.Client.ID:
		return a.deadRequest("one that this client pushed", "one of the client "+r.ClientID)
	// RFC 9126 §7.3: one request, one answer.
	case r.Used:
		return a.deadRequest("one that was not answered yet", "one that an authorization followed from")
	}
	params, err := url.ParseQuery(r.Params)
	if err != nil {
		return err
	}
	a.restore(params)
	a.Pushed = r.ID
	a.Trace.Pass("request_uri: pushed by this client at " + r.CreatedAt.UTC().Format("15:04:05Z07:00"))
	return nil
}

// restore takes parameters that kept wrote, with its marks.
func (a *authorizeRequest) restore(params url.Values) {
	a.Params, a.State, a.Pushed = params, params.Get("state"), params.Get(markPushed)
	a.Params.Del(markPushed)
}

// deadRequest refuses a request_uri on a page: whoever brings a wrong one names no redirect URI that could be trusted.
func (a *authorizeRequest) deadRequest(expected, received string) error {
	a.Trace.Fail(idp.Check{
		Name: "request_uri is good", Expected: expected, Received: received,
		Mend: "Push the request anew for each sign-in, and send the browser right after it.", Clause: "RFC 9126 §4",
	})
	return &pageFault{PageError{
		Status: http.StatusBadRequest, Code: "invalid_request_uri", ClientID: a.Client.ID,
		Description: "The application's request has expired, or was answered before. Go back to the application and start again.",
	}}
}

// checkPushed refuses what should have been pushed and was not (RFC 9126 §4, §5, §6).
func (p *Provider) checkPushed(a *authorizeRequest) error {
	if a.Pushed != "" || a.Pushing || !p.RequirePushed && !a.Client.RequirePushedRequests {
		return nil
	}
	a.Trace.Fail(idp.Check{
		Name: "request was pushed", Expected: "a request_uri from " + p.Issuer + pathPAR, Received: "the parameters themselves",
		Mend: "Switch pushed authorization requests on in the application, or do not require them: `idp client update " + a.Client.ID + " --require-par=false`.", Clause: "RFC 9126 §4",
	})
	return badRequest("Authorization requests must be pushed first (RFC 9126).")
}

// authorizationID returns the id that the answer's authorization gets: that of the pushed request, of which there can be only one, or a new one.
func (a *authorizeRequest) authorizationID() string {
	if a.Pushed != "" {
		return a.Pushed
	}
	return idp.NewID()
}

// dropPushed forgets a pushed request that was answered with an error. The code that comes of one kills it by itself.
func (p *Provider) dropPushed(ctx context.Context, a *authorizeRequest) error {
	if a.Pushed == "" {
		return nil
	}
	return p.Store.DropPushedRequest(ctx, a.Pushed)
}
