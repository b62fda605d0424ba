package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
	"idp/internal/oauth/requestobject"
	"idp/internal/secret"
)

// requestURIPrefix is the form of a request_uri that we give out (RFC 9126 §2.2); what follows names a row and proves that we made it.
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// The marks that kept adds to a request's parameters: how they came. No parameter of a request is kept under such a name.
const (
	markPushed = "idp:pushed"
	markSigned = "idp:signed"
)

// openRequest puts the parameters that count in the place of those that came, where the request is elsewhere: pushed before, or in a
// request object.
func (p *Provider) openRequest(ctx context.Context, a *authorizeRequest) error {
	text, uri, from := a.Params.Get("request"), a.Params.Get("request_uri"), requestobject.InRequest
	switch {
	case text != "" && uri != "": // OpenID Connect Core §6.1, RFC 9101 §5
		return a.fail(idp.CodeInvalidRequest, "The request has both request and request_uri.", "RFC 9101 §5", "one of the two, or none", "Switch one of the two off in the application.")
	case strings.HasPrefix(uri, requestURIPrefix):
		return p.openPushed(ctx, a, uri)
	case uri != "":
		fetched, err := p.objects.Fetch(ctx, a.Client, uri)
		if err != nil {
			return a.objectFault(err)
		}
		text, from = fetched, requestobject.AtAddress
	case text == "":
		return nil
	}
	o, err := p.objects.Open(ctx, a.Client, text, from, a.RequestedAt)
	if err != nil {
		return a.objectFault(err)
	}
	return a.adopt(o)
}

// adopt takes the parameters of a request object. What stands beside it counts only in OpenID Connect's way of sending one, which is to say
// with response_type and the scope openid in the open (OpenID Connect Core §6.1), and never for a client that must sign or that pushes
// (RFC 9101 §5, §6.3, RFC 9126 §3).
func (a *authorizeRequest) adopt(o *requestobject.Object) error {
	for _, values := range o.Params {
		if len(values) > paramsMost || slices.ContainsFunc(values, func(v string) bool { return !cleanText(v) }) {
			return a.fail(idp.CodeInvalidRequestObject, "A parameter in the request object has control characters or too many values.", "RFC 6749 §10.14", "parameters of visible characters, each once", "Look at what the application signs.")
		}
	}
	outer, inner := a.Params, o.Params
	beside := outer.Get("response_type") != "" && slices.Contains(strings.Fields(outer.Get("scope")), idp.ScopeOpenID)
	if beside && !a.Pushing && !a.Client.RequireSignedRequestObject {
		if inside := inner.Get("response_type"); inside != "" && inside != outer.Get("response_type") {
			return a.fail(idp.CodeInvalidRequestObject, "The response_type in the request object is not the one beside it.", "OpenID Connect Core §6.1", "the same response_type inside and beside the request object", "Have the application send one response_type; leave out the one beside the object where it can.")
		}
		for name, values := range outer {
			if !inner.Has(name) && name != "request" && name != "request_uri" {
				inner[name] = values
			}
		}
	}
	inner.Set("client_id", a.Client.ID)
	a.Params, a.State, a.Signed = inner, inner.Get("state"), o.Signed
	a.Trace.Pass("request object")
	return nil
}

// objectFault tells trace and client what is wrong with a request object.
func (a *authorizeRequest) objectFault(err error) error {
	f := requestobject.AsFault(err)
	if f == nil {
		return err
	}
	a.Trace.Fail(idp.Check{Name: "request object: " + f.Name, Expected: f.Expected, Received: f.Received, Mend: f.Mend, Clause: f.Clause})
	return &redirectFault{f.Code, f.Error()}
}

// checkSigned refuses what should have been signed and was not (RFC 9101 §10.5).
func checkSigned(a *authorizeRequest) error {
	if a.Signed || !a.Client.RequireSignedRequestObject {
		return nil
	}
	a.Trace.Fail(idp.Check{
		Name: "request is signed", Expected: "a request object that the client signed", Received: "parameters in the open",
		Mend: "Switch signed request objects on in the application, or do not require them: `idp client update " + a.Client.ID + " --require-signed-request=false`.", Clause: "RFC 9101 §10.5",
	})
	return badRequest("This client must send a signed request object (RFC 9101).")
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
	a.Params, a.State, a.Pushed, a.Signed = params, params.Get("state"), params.Get(markPushed), params.Has(markSigned)
	a.Params.Del(markPushed)
	a.Params.Del(markSigned)
}

// deadRequest refuses a request_uri on a page: whoever brings a wrong one names no redirect URI that could be trusted.
func (a *authorizeRequest) deadRequest(expected, received string) error {
	a.Trace.Fail(idp.Check{
		Name: "request_uri is good", Expected: expected, Received: received,
		Mend: "Push the request anew for each sign-in, and send the browser right after it.", Clause: "RFC 9126 §4",
	})
	return &pageFault{PageError{
		Status: http.StatusBadRequest, Code: idp.CodeInvalidRequestURI, ClientID: a.Client.ID,
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
