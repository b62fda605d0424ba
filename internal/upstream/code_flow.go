package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"idp/internal/idp"
)

const (
	maxLoginHint   = 320
	maxUILocales   = 128
	maxAccessToken = 16 << 10 // Entra's are some kilobytes
)

// codeFlow is the authorization code flow (RFC 6749 §4.1) at one upstream, which every type shares: OpenID Connect adds an ID token to it.
type codeFlow struct {
	row  idp.Provider
	deps deps
}

// endpoints are the two addresses of the flow.
type endpoints struct{ authorization, token string }

// begin returns the authorization request, and keeps in pending what finish needs. more are the type's own parameters.
func (f *codeFlow) begin(e endpoints, req BeginRequest, pending *Pending, more ...oauth2.AuthCodeOption) (string, error) {
	if req.State == "" || req.RedirectURI == "" {
		return "", errors.New("upstream: state and redirect uri are the caller's to give")
	}
	pending.RedirectURI = req.RedirectURI
	if !f.row.WithoutPKCE {
		pending.CodeVerifier = oauth2.GenerateVerifier()
		more = append(more, oauth2.S256ChallengeOption(pending.CodeVerifier))
	}
	passOn := func(name, value string) {
		if value != "" {
			more = append(more, oauth2.SetAuthURLParam(name, value))
		}
	}
	// The only three that a client has a say in (PS-23): it must not be able to name another hd, scope or redirect_uri. They are
	// hints, so one that is out of bounds is left out rather than refused.
	passOn("login_hint", hint(req.LoginHint, maxLoginHint))
	passOn("ui_locales", hint(req.UILocales, maxUILocales))
	passOn("prompt", prompt(req.Prompt))
	return f.config(e, req.RedirectURI).AuthCodeURL(req.State, more...), nil
}

// code returns the code of a callback. issAlways says that the provider announces to send iss each time.
func (f *codeFlow) code(cb callback, issAlways bool) (string, error) {
	// Before the code is sent anywhere: in a mix-up attack it belongs to another provider (RFC 9207 §2.4).
	switch {
	case cb.iss == "" && issAlways:
		return "", failed(f.row.Name, errors.New("the callback has no iss though the provider announces that it always sends it"))
	case cb.iss != "" && !sameIssuer(f.row.Issuer, cb.iss):
		return "", failed(f.row.Name, fmt.Errorf("the callback's iss is %s, want %s", loggable(cb.iss), f.row.Issuer))
	case cb.err != "":
		return "", answeredError(f.row.Name, cb)
	}
	return cb.code, nil
}

// tokenError is an error that a token endpoint answers with (RFC 6749 §5.2). The library's own text holds the answer's body, so only the known
// parts are kept.
type tokenError struct {
	status            int
	code, description string
}

// Error implements error.
func (e *tokenError) Error() string {
	return fmt.Sprintf("token endpoint answers %d error=%s description=%s", e.status, loggable(e.code), loggable(e.description))
}

// exchange redeems the code (RFC 6749 §4.1.3).
func (f *codeFlow) exchange(ctx context.Context, e endpoints, pending Pending, code string) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, f.deps.client)
	var options []oauth2.AuthCodeOption
	if pending.CodeVerifier != "" {
		options = append(options, oauth2.VerifierOption(pending.CodeVerifier))
	}
	token, err := f.config(e, pending.RedirectURI).Exchange(ctx, code, options...)
	if err == nil {
		return token, nil
	}
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		return nil, f.refused(ctx, fmt.Errorf("token endpoint: %w", err))
	}
	told := &tokenError{status: answer.Response.StatusCode, code: answer.ErrorCode, description: answer.ErrorDescription}
	for _, known := range []string{f.row.ClientSecret, code, pending.CodeVerifier} { // some providers repeat what they were sent
		if known != "" {
			told.code, told.description = strings.ReplaceAll(told.code, known, "[redacted]"), strings.ReplaceAll(told.description, known, "[redacted]")
		}
	}
	switch {
	case slices.Contains([]string{idp.CodeInvalidClient, idp.CodeUnauthorizedClient, "incorrect_client_credentials", "redirect_uri_mismatch"}, told.code): // the last two are GitHub's
		return nil, misconfigured(f.row.Name, told)
	case told.status >= http.StatusInternalServerError || told.status == http.StatusTooManyRequests:
		return nil, unavailable(f.row.Name, retryLater, told)
	}
	return nil, failed(f.row.Name, told)
}

func (f *codeFlow) config(e endpoints, redirectURI string) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if f.row.ClientAuthMethod == idp.AuthClientSecretPost {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: f.row.ClientID, ClientSecret: f.row.ClientSecret, RedirectURL: redirectURI, Scopes: f.row.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: e.authorization, TokenURL: e.token, AuthStyle: style},
	}
}

// refused tells an upstream that does not answer from one whose answer is wrong.
func (f *codeFlow) refused(ctx context.Context, err error) *idp.Error {
	var transport *url.Error
	var status *statusError
	var document *documentError
	switch {
	case errors.As(err, &document), errors.Is(err, errTooLarge):
		return misconfigured(f.row.Name, err)
	case ctx.Err() != nil, errors.As(err, &transport), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &status) && status.status >= http.StatusInternalServerError:
		return unavailable(f.row.Name, retryAfter(err), err)
	}
	return failed(f.row.Name, err)
}

// hint returns s, or nothing if it is too long or no printable text.
func hint(s string, limit int) string {
	if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}

// prompt keeps the words of OpenID Connect Core §3.1.2.1; "none" only stands alone.
func prompt(s string) string {
	var words []string
	for _, w := range strings.Fields(hint(s, maxUILocales)) {
		if w == "none" && s != "none" || slices.Contains(words, w) {
			continue
		}
		if slices.Contains([]string{"none", "login", "consent", "select_account"}, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}
