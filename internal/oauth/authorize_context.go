package oauth

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/store"
)

// What a request says about the way of signing in, and what the session has of it.

const (
	acrMost        = 512 // bytes of acr_values
	tracedContexts = 4   // of those that a request asks for
	tracedLength   = 128 // of the name of one
)

// checkContexts reads what is asked for beside the claims parameter: acr_values (OpenID Connect Core §3.1.2.1, RFC 9470 §4), or what the client is
// registered with where the request says nothing (OpenID Connect Dynamic Client Registration §2).
func (p *Provider) checkContexts(a *authorizeRequest) error {
	text := a.Params.Get("acr_values")
	if fault := acrFault(text); fault != "" {
		return a.fail(idp.CodeInvalidRequest, fault, "OpenID Connect Core §3.1.2.1", "names of authentication contexts, "+strconv.Itoa(acrMost)+" bytes at most", "Ask for some of acr_values_supported in the discovery document.")
	}
	values := strings.Fields(text)
	if len(a.RequiredACR) == 0 && a.beyondIdentity() {
		// RFC 9470 §5: they are what the access token needs, and a token without would be refused where it is shown. Where nobody but the client
		// reads the answer they are a voluntary claim: it says what there is (OpenID Connect Core §3.1.2.1, §5.5.1.1).
		a.RequiredACR = values
	}
	if len(a.RequiredACR)+len(a.WantedACR)+len(values) == 0 {
		values = a.Client.DefaultACRValues
	}
	if wanted := slices.Concat(a.RequiredACR, a.WantedACR, values); len(wanted) > 0 {
		a.WantedACR = p.Contexts.Known(wanted)
	}
	return nil
}

func acrFault(text string) string {
	if len(text) > acrMost {
		return "The acr_values are longer than " + strconv.Itoa(acrMost) + " bytes."
	}
	return ""
}

// acrWishes reads the acr_values of a request that somebody answers on another device, or takes those of the registration. They are wishes, whatever the
// request asks for: how people are asked there is up to the server (CIBA §7.1).
func acrWishes(c *idp.Client, text string) (values []string, fault string) {
	if fault = acrFault(text); fault != "" {
		return nil, fault
	}
	if values = strings.Fields(text); len(values) == 0 {
		values = c.DefaultACRValues
	}
	return values, ""
}

// beyondIdentity reports whether the request asks for access to something, and not only who the person is.
func (a *authorizeRequest) beyondIdentity() bool {
	return !slices.Contains(a.Scopes, idp.ScopeOpenID) || a.Params.Has("resource") || a.Params.Has("authorization_details") ||
		slices.ContainsFunc(a.Scopes, func(scope string) bool { return !idp.AboutPerson(scope) })
}

// proofOf returns what a session must have proved to have what is asked for, by demand or else by wish. ok is false where no session has it.
func (p *Provider) proofOf(a *authorizeRequest) (proof store.Proof, ok bool) {
	asked := a.RequiredACR
	if len(asked) == 0 {
		asked = a.WantedACR
	}
	if len(asked) == 0 {
		return proof, true
	}
	proof.Contexts, proof.Methods = p.Contexts.Evidence(asked)
	return proof, len(proof.Contexts) > 0
}

// findWays looks for the ways by which the person could sign in, if the decision depends on them.
func (p *Provider) findWays(ctx context.Context, f *interaction.Facts) (err error) {
	if !f.NeedsWays() {
		return nil
	}
	user := ""
	if f.User != nil {
		user = f.User.ID
	}
	f.Ways, err = p.Ways.Of(ctx, user)
	return err
}

// traceContexts says what was asked for and what there is.
func (a *authorizeRequest) traceContexts(f *interaction.Facts, next interaction.Next) {
	asked := f.RequiredACR
	if len(asked) == 0 {
		asked = f.ACRValues
	}
	if len(asked) == 0 {
		return
	}
	words := make([]string, 0, len(asked))
	for _, acr := range asked[:min(len(asked), tracedContexts)] {
		words = append(words, ascii(acr[:min(len(acr), tracedLength)]))
	}
	has := "nobody is signed in"
	if f.Session != nil {
		has = "the session has " + cmp.Or(strings.Join(f.Contexts.Met(f.Session.AMR, f.Session.Contexts), " and "), "none")
	}
	if next.Error != idp.CodeUnmetAuthenticationRequirements {
		a.Trace.Pass("authentication context: asked for " + list(words) + "; " + has)
		return
	}
	a.Trace.Fail(idp.Check{
		Name: "authentication context", Expected: list(words), Received: has,
		Mend:   "Compare with the setting authentication_contexts (`idp config print`), and with what the providers vouch for (`idp provider list`).",
		Clause: "OpenID Connect Core §5.5.1.1",
	})
}
