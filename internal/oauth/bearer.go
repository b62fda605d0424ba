package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/oauth/mint"
	"idp/internal/store"
)

// bearerError is an error of RFC 6750 §3.1; an empty code means that the request had no token at all, which gets a bare challenge.
type bearerError struct {
	dpop        bool // the challenge is for the scheme DPoP (RFC 9449 §7.1)
	status      int
	code        string
	description string
	scope       string
	maxAge      int64 // with insufficient_user_authentication; 0 for none
}

// Error returns the description.
func (e *bearerError) Error() string { return e.description }

var errNoToken = &bearerError{status: http.StatusUnauthorized}

func invalidToken() error {
	return &bearerError{status: http.StatusUnauthorized, code: idp.CodeInvalidToken, description: "The access token is expired, revoked or not one of this server."}
}

// presentedToken is an access token as a request has it.
type presentedToken struct {
	text string
	dpop bool // by the scheme DPoP (RFC 9449 §7.1)
}

// accessToken finds the one access token of a request: in the Authorization header, or in the form body of a POST (RFC 6750 §2.1, §2.2).
// One in the URL is refused: URLs end in logs (FL-6, RFC 9700 §4.3.2).
func accessToken(w http.ResponseWriter, r *http.Request) (presentedToken, error) {
	invalid := func(description string) error {
		return &bearerError{status: http.StatusBadRequest, code: idp.CodeInvalidRequest, description: description}
	}
	if r.URL.Query().Has("access_token") {
		return presentedToken{}, invalid("The access token belongs into the Authorization header, not into the URL.")
	}
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return presentedToken{}, invalid("There are several Authorization headers.")
	}
	var token presentedToken
	if len(headers) == 1 {
		value, ok := tokenHeader(r)
		if !ok {
			return presentedToken{}, errNoToken
		}
		token = value
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), idp.MediaForm) && r.ContentLength != 0 {
		form, err := readForm(w, r)
		if err != nil {
			return presentedToken{}, invalid(wireError(err).Description)
		}
		if inBody := form.Get("access_token"); inBody != "" {
			// RFC 6750 §2: one way in each request.
			if token.text != "" {
				return presentedToken{}, invalid("The access token came twice: in the header and in the body.")
			}
			token.text = inBody
		}
	}
	if token.text == "" {
		return presentedToken{}, errNoToken
	}
	return token, nil
}

// tokenHeader returns the token of the one Authorization header, if it has one.
func tokenHeader(r *http.Request) (token presentedToken, ok bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return token, false
	}
	scheme, value, ok := strings.Cut(headers[0], " ")
	token = presentedToken{text: strings.TrimSpace(value), dpop: strings.EqualFold(scheme, "DPoP")}
	return token, ok && (token.dpop || strings.EqualFold(scheme, "Bearer"))
}

// userToken is an access token that a user's authorization stands behind, now.
type userToken struct {
	*mint.AccessToken
	authorization *store.AuthorizationUser
	client        *idp.Client // at UserInfo
}

// readToken reads an access token of ours that has not expired.
func (p *Provider) readToken(ctx context.Context, text string, now time.Time) (*mint.AccessToken, error) {
	t, err := p.minter.ReadAccess(ctx, text, now)
	if errors.Is(err, mint.ErrNotOurs) {
		return nil, invalidToken()
	}
	return t, err
}

// userOf judges an access token that was read: not revoked by itself, its authorization alive and its user active. One statement.
func (p *Provider) userOf(ctx context.Context, t *mint.AccessToken) (*userToken, error) {
	id := t.AuthorizationID()
	if id == "" {
		return nil, &bearerError{status: http.StatusForbidden, code: idp.CodeInsufficientScope, description: "This access token stands for an application, not for a person.", scope: idp.ScopeOpenID}
	}
	v, revoked, err := p.Store.AuthorizationNow(ctx, id, t.JTI)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	if revoked || v.RevokedAt != nil || v.UserState != idp.UserActive || v.UserID != t.Subject && !p.calls(ctx, t, v.UserID) {
		return nil, invalidToken()
	}
	logctx.Set(ctx, slog.String("client_id", t.ClientID), slog.String("user_id", v.UserID))
	return &userToken{AccessToken: t, authorization: v}, nil
}

// calls reports whether a token's sub is what its pairwise client calls a user (OpenID Connect Core §8.1).
func (p *Provider) calls(ctx context.Context, t *mint.AccessToken, userID string) bool {
	c, err := p.Clients.Get(ctx, t.ClientID)
	return err == nil && p.Subjects.Is(c, t.Subject, userID)
}

// answerBearerError writes an error of a resource with its challenge (RFC 6750 §3, OpenID Connect Core §5.3.3).
func (p *Provider) answerBearerError(w http.ResponseWriter, r *http.Request, err error) {
	var b *bearerError
	if !errors.As(err, &b) {
		p.answerError(w, r, err, "")
		return
	}
	body := map[string]string{}
	if b.code != "" {
		body["error"], body["error_description"] = b.code, ascii(b.description)
	}
	logctx.Set(r.Context(), slog.String("error_code", b.code))
	p.challenge(w.Header(), b)
	writeJSON(w, b.status, body)
}

// challenge says how to ask (RFC 6750 §3, RFC 9449 §7.1). Who sent no token at all hears of both schemes.
func (p *Provider) challenge(answer http.Header, b *bearerError) {
	params := ""
	if b.code != "" {
		params = `, error="` + b.code + `", error_description="` + ascii(b.description) + `"`
		if b.scope != "" {
			params += `, scope="` + b.scope + `"`
		}
		if b.maxAge > 0 {
			params += `, max_age="` + strconv.FormatInt(b.maxAge, 10) + `"`
		}
	}
	if !b.dpop {
		answer.Set("WWW-Authenticate", "Bearer "+p.realm+params)
	}
	if b.dpop || b.code == "" {
		answer.Add("WWW-Authenticate", `DPoP algs="`+strings.Join(idp.DPoPAlgorithms(), " ")+`", `+p.realm+params)
	}
}
