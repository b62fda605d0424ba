package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"idp/internal/authdetail"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/store"
	"idp/internal/trace"
)

// authorizeRequest is an authorization request whose client and redirect URI may be trusted: from here on errors are redirected.
type authorizeRequest struct {
	Client          *idp.Client
	RedirectURI     string
	RedirectOmitted bool
	Params          url.Values // as received; duplicates removed
	State           string
	Scopes          []string
	Prompts         []string
	MayRegister     bool
	MaxAge          *int64
	HintUserID      string // what the client calls the user that it means: a pairwise sub, where it has those

	ClaimsInIDToken  []string // asked for by name, and allowed
	ClaimsInUserInfo []string
	ClaimScopes      []string        // that release them
	RequiredACR      []string        // an essential acr; none is demanded if empty
	WantedACR        []string        // a voluntary one, as far as there is such a context, in the order of preference
	Audience         []string        // of the tokens
	Details          json.RawMessage // authorization_details, in one spelling

	CodeChallenge string
	Nonce         string
	ResponseType  idp.ResponseType
	ResponseMode  idp.ResponseMode
	BoundKey      string // that the code is bound to, empty for none
	RequestedAt   time.Time
	Trace         *trace.T

	typeKnown bool   // the response type is one of ours
	modeFault string // what is wrong with the response mode; the error travels by ResponseMode

	// How it came.
	Pushing bool   // it is being pushed: a client stands behind it, and no browser yet
	Pushed  string // the id of the pushed request; empty for another
	Signed  bool   // in a request object that the client signed
	Resumed bool   // a page was shown, and the parameters are those that were kept

	issuance
}

// issuance is the answer to a request: empty until it is issued.
type issuance struct {
	conditions store.IssueConditions    // that must hold when it is; the engine's handler reads them
	answer     *store.AuthorizationUser // what was issued, and for whom
	params     url.Values               // that the answer has
}

type requestKey struct{}

const (
	stateMost = 4096 // returned to the letter, so it is bounded by what a URL can hold
	nonceMost = 1024
	hintMost  = 16 << 10
)

// pageFault is a fault for which there is no redirect: the error page gets it (RFC 6749 §4.1.2.1).
type pageFault struct{ PageError }

// Error returns the description.
func (f *pageFault) Error() string { return f.Description }

// redirectFault is a fault that the client is told of at its redirect URI.
type redirectFault struct{ code, description string }

// Error returns the description.
func (f *redirectFault) Error() string { return f.description }

func badRequest(description string) error { return &redirectFault{idp.CodeInvalidRequest, description} }

// readAuthorizeRequest finds the client and the redirect URI, and then makes every other check that needs no database. On a
// *redirectFault the request is returned beside it, with what the redirect needs. a has the parameters, and how and when they came.
func (p *Provider) readAuthorizeRequest(ctx context.Context, a *authorizeRequest, paramErr error) (*authorizeRequest, error) {
	if a.Resumed {
		a.restore(a.Params)
	}
	a.State = a.Params.Get("state")
	if d := (duplicate{}); errors.As(paramErr, &d) && (d.name == "client_id" || d.name == "redirect_uri" || d.name == "request_uri") {
		// Which of the two is meant, we do not guess; so there is no redirect that can be trusted (RFC 6749 §4.1.2.1).
		return nil, paramErr
	}
	if err := p.findClient(ctx, a); err != nil {
		return nil, err
	}
	if !a.Resumed && (a.Params.Has("request_uri") || a.Params.Has("request")) {
		if err := p.openRequest(ctx, a); err != nil {
			// Told to the client if the address in the open is one of its own, and shown otherwise.
			if uri := a.Params.Get("redirect_uri"); uri != "" && idp.MatchRedirectURI(a.Client.RedirectURIs, uri) {
				a.RedirectURI = uri
				a.readMode() // OpenID Connect Core §3.3.2.6: and where the application looks for it
				return a, err
			}
			return nil, err
		}
		if a.Pushed != "" {
			paramErr = nil // it is about what does not count
		}
	}
	if err := findRedirectURI(a); err != nil {
		return nil, err
	}
	a.readMode()
	if paramErr != nil {
		return a, a.fail(idp.CodeInvalidRequest, paramErr.Error(), "RFC 6749 §3.1", "each parameter once, as form-encoded text", "Look at how the application puts the address together.")
	}
	for _, check := range []func(*authorizeRequest) error{
		checkBounds, p.checkPushed, checkSigned, checkUnsupported, checkResponseType, checkResponseMode, checkScope, checkFront, checkPKCE, checkSenderKey, p.checkOpenID, checkClaims, p.checkContexts, p.checkResources,
	} {
		if err := check(a); err != nil {
			return a, err
		}
	}
	if err := p.checkDetails(ctx, a); err != nil {
		return a, err
	}
	a.Trace.Pass("client, redirect_uri and parameters")
	return a, nil
}

func (p *Provider) findClient(ctx context.Context, a *authorizeRequest) error {
	id := a.Params.Get("client_id")
	a.Trace.SetClient(id)
	fault := &pageFault{PageError{Status: http.StatusBadRequest, Code: idp.CodeInvalidClient, ClientID: printable(id)}}
	if id == "" {
		fault.Code, fault.Description = idp.CodeInvalidRequest, "The application did not say which application it is (client_id is missing)."
		a.Trace.Fail(idp.Check{Name: "client_id", Expected: "the id of a registered client", Received: "nothing", Mend: "Add client_id to the application's request; `idp client list` shows which there are.", Clause: "RFC 6749 §4.1.1"})
		return fault
	}
	c, err := p.clientOf(ctx, id)
	if known := (*idp.Error)(nil); errors.As(err, &known) && (known.Kind == idp.Forbidden || known.Kind == idp.Invalid) {
		fault.Status, fault.Description = http.StatusForbidden, known.Message
		a.Trace.Fail(idp.Check{
			Name: "client is described by the document at its id, and taken here", Expected: "a document that this server takes", Received: printable(id) + ": " + known.Message,
			Mend: "See `idp client pending`, `idp client approve`, and the settings client_documents.", Clause: "draft-ietf-oauth-client-id-metadata-document §4",
		})
		return fault
	}
	if errors.Is(err, idp.ErrNotFound) {
		fault.Description = "The application that sent you here is not registered, or has been switched off."
		a.Trace.Fail(idp.Check{
			Name: "client exists and is enabled", Expected: "a registered client_id", Received: id,
			Mend: "Compare the application's client_id with `idp client list`.", Clause: "RFC 6749 §4.1.2.1",
		})
		return fault
	}
	a.Client = c
	return err
}

// clientOf returns a client that may be used: from memory, or, where its id is an address, as the document there describes it.
func (p *Provider) clientOf(ctx context.Context, id string) (*idp.Client, error) {
	if p.Documents != nil && idp.IsClientURL(id) {
		return p.Documents.Client(ctx, id)
	}
	return p.Clients.Get(ctx, id)
}

// returning returns the client that comes back with what it was given here: a code, a token. Of an address that is not known nothing is read.
func (p *Provider) returning(ctx context.Context, id string) (*idp.Client, error) {
	if p.Documents != nil && idp.IsClientURL(id) {
		return p.Documents.Returning(ctx, id)
	}
	return p.Clients.Get(ctx, id)
}

// holding returns the client that an access token was given to, if it may still be used. Only memory is asked: a token is judged in one statement.
func (p *Provider) holding(ctx context.Context, id string) (*idp.Client, error) {
	c, err := p.Clients.Get(ctx, id)
	if err == nil && p.Documents != nil && c.FromDocument() && p.Documents.Withdrawn(ctx, id) {
		return nil, idp.ErrNotFound
	}
	return c, err
}

// findRedirectURI compares to the letter (RFC 9700 §4.1.3), native applications' loopback ports excepted (RFC 8252 §7.3).
func findRedirectURI(a *authorizeRequest) error {
	got := a.Params.Get("redirect_uri")
	fault := &pageFault{PageError{
		Status: http.StatusBadRequest, Code: idp.CodeInvalidRequest, ClientID: a.Client.ID, RedirectURI: got, About: idp.CodeRedirectURI,
		Description: "The address that the application wants to continue at is not registered for it.",
	}}
	switch openid := slices.Contains(strings.Fields(a.Params.Get("scope")), idp.ScopeOpenID); {
	case got == "" && !openid && len(a.Client.RedirectURIs) == 1:
		a.RedirectURI, a.RedirectOmitted = a.Client.RedirectURIs[0], true
		return nil
	case got == "":
		// OpenID Connect Core §3.1.2.1: REQUIRED; and RFC 6749 §3.1.2.3: where several are registered.
		fault.About, fault.Description = "redirect_uri_missing", "The application did not say where to continue (redirect_uri is missing)."
	// RFC 6749 §3.1.2.4, §10.15, RFC 9700 §4.11.2: where it does not match, nobody is sent there, whatever else is wrong.
	case idp.MatchRedirectURI(a.Client.RedirectURIs, got):
		a.RedirectURI = got
		return nil
	}
	a.Trace.Fail(idp.Check{
		Name: "redirect_uri is registered, to the letter", Expected: nearest(a.Client.RedirectURIs, got), Received: got,
		Mend:   "Register the address exactly as the application sends it: `idp client update " + a.Client.ID + " --add-redirect-uri …`, or change the application's setting.",
		Clause: "RFC 9700 §4.1.3",
	})
	return fault
}

// nearest returns the registered URI with the longest common beginning: the one that was probably meant.
func nearest(registered []string, got string) string {
	best, length := "none is registered", -1
	for _, uri := range registered {
		n := 0
		for n < len(uri) && n < len(got) && uri[n] == got[n] {
			n++
		}
		if n > length {
			best, length = uri, n
		}
	}
	return best
}

func checkBounds(a *authorizeRequest) error {
	switch {
	case len(a.State) > stateMost:
		a.State = "" // too long to be sent back
		return a.fail(idp.CodeInvalidRequest, "The parameter state is longer than 4096 bytes.", "RFC 6749 §4.1.1", "4096 bytes at most", "Keep what belongs to the sign-in in the application's own session, and send a short random state.")
	case len(a.Params.Get("nonce")) > nonceMost:
		return a.fail(idp.CodeInvalidRequest, "The parameter nonce is longer than 1024 bytes.", "OpenID Connect Core §3.1.2.1", "1024 bytes at most", "Send a short random nonce.")
	}
	a.Nonce = a.Params.Get("nonce")
	return nil
}

func checkUnsupported(a *authorizeRequest) error {
	if a.Params.Has("registration") { // OpenID Connect Core §7.2.1
		return a.fail(idp.CodeRegistrationNotSupported, "The parameter registration is not supported.", "OpenID Connect Core §7.2.1", "a client that is registered before", "Take registration out of the application's request: register the client with `idp client create`, or by the registration endpoint.")
	}
	return nil
}

// fail refuses the request, and tells the trace what was expected and how to mend it.
func (a *authorizeRequest) fail(code, description, clause, expected, mend string) error {
	a.Trace.Fail(idp.Check{Name: code, Expected: expected, Received: description, Mend: mend, Clause: clause})
	return &redirectFault{code, description}
}

// checkScope refuses a scope that the client may not have, instead of dropping it: client libraries break on a narrower answer
// (RP-5).
func checkScope(a *authorizeRequest) error {
	a.Scopes = a.Client.RequestedScopes(a.Params.Get("scope"))
	for _, s := range a.Scopes {
		if !slices.Contains(a.Client.Scopes, s) {
			a.Trace.Fail(idp.Check{
				Name: "scope is allowed", Expected: strings.Join(a.Client.Scopes, " "), Received: s,
				Mend: "`idp client update " + a.Client.ID + " --add-scope " + printable(s) + "`, or take it out of the application's request.", Clause: "RFC 6749 §4.1.2.1",
			})
			return &redirectFault{idp.CodeInvalidScope, "The client may not ask for the scope " + printable(s) + "."}
		}
	}
	return nil
}

// checkPKCE takes S256 only (RFC 9700 §2.1.1): "plain", which is also what a missing method means, protects nothing.
func checkPKCE(a *authorizeRequest) error {
	challenge, method := a.Params.Get("code_challenge"), a.Params.Get("code_challenge_method")
	const clause = "RFC 7636 §4.4.1"
	switch {
	case !a.ResponseType.Code:
		return nil // no code, no proof of who redeems it
	case challenge == "" && method != "":
		return a.fail(idp.CodeInvalidRequest, "There is a code_challenge_method but no code_challenge.", clause, "both, or neither", "Let the application's library make both (PKCE).")
	case challenge == "" && (a.Client.RequirePKCE || a.Client.Public()): // RFC 8252 §8.1
		a.Trace.Fail(idp.Check{Name: "PKCE", Expected: "code_challenge with S256", Received: "none", Mend: "Switch PKCE on in the application (client libraries have an option for it).", Clause: clause})
		return badRequest("This client must use PKCE: code_challenge is missing.")
	case challenge == "":
		return nil
	case method != idp.ChallengeS256: // RFC 7636 §4.2, §4.3: a method that is missing means plain
		return a.fail(idp.CodeInvalidRequest, "The code_challenge_method must be S256.", clause, idp.ChallengeS256, "Switch the application's PKCE to S256; where the parameter is missing it means plain.")
	case len(challenge) != 43 || strings.ContainsFunc(challenge, notBase64URL):
		return a.fail(idp.CodeInvalidRequest, "The code_challenge is not the base64url of a SHA-256 digest.", clause, "43 letters, digits, - and _", "Send the base64url, without padding, of the verifier's SHA-256.")
	}
	a.CodeChallenge = challenge
	return nil
}

func notBase64URL(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// checkOpenID reads prompt, max_age and id_token_hint (OpenID Connect Core §3.1.2.1).
func (p *Provider) checkOpenID(a *authorizeRequest) error {
	a.Prompts, a.MayRegister = strings.Fields(a.Params.Get("prompt")), p.MayRegister
	if text := a.Params.Get("max_age"); text != "" {
		age, err := strconv.ParseInt(text, 10, 32)
		if err != nil || age < 0 {
			return a.fail(idp.CodeInvalidRequest, "The parameter max_age is not a whole number of seconds.", "OpenID Connect Core §3.1.2.1", "a whole number of seconds, from 0", "Correct max_age in the application.")
		}
		a.MaxAge = &age
	}
	if hint := a.Params.Get("id_token_hint"); hint != "" {
		h, ok := p.minter.ReadHint(hint)
		// RFC 8725 §3.9: its audience is this client.
		if len(hint) > hintMost || !ok || h.ClientID != a.Client.ID {
			return a.fail(idp.CodeInvalidRequest, "The id_token_hint is not an ID token that this server made for this client.", "OpenID Connect Core §3.1.2.2", "the ID token that this very client got, decrypted", "Send the last ID token of this application, or leave the hint out.")
		}
		a.HintUserID = h.Subject
	}
	return nil
}

// facts are what interaction.Decide looks at, as far as the request says it.
func (a *authorizeRequest) facts() interaction.Facts {
	return interaction.Facts{
		Client: a.Client, Scopes: a.consentScopes(), Prompts: a.Prompts, MaxAge: a.MaxAge, RequestedAt: a.RequestedAt,
		HintUserID: a.HintUserID, MayRegister: a.MayRegister, ACRValues: a.WantedACR, RequiredACR: a.RequiredACR, Details: authdetail.Digest(string(a.Details)), Unassured: !a.assured(),
	}
}
