package upstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/oauth2"

	"idp/internal/idp"
)

// probeOAuth2 asks each address what it answers to somebody who has not signed in. Nothing announces what would be right, so only what can be no sign-in is an
// error.
func probeOAuth2(ctx context.Context, d deps, p *idp.Provider) []Finding {
	out := []Finding{reach(ctx, d, "authorization_url", p.AuthorizationURL), probeToken(ctx, d, p), reach(ctx, d, "userinfo_url", p.UserInfoURL)}
	if p.EmailsURL != "" {
		out = append(out, reach(ctx, d, "emails_url", p.EmailsURL))
	}
	return out
}

// reach takes any answer for a sign of life but those that say there is nothing. A redirect is one: an authorization endpoint sends strangers elsewhere.
func reach(ctx context.Context, d deps, check, address string) Finding {
	client := *d.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return unreached(check, address, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return unreached(check, address, err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	switch said := fmt.Sprintf("%s answers %d %s", address, resp.StatusCode, http.StatusText(resp.StatusCode)); {
	case resp.StatusCode >= http.StatusInternalServerError:
		return Finding{Check: check, Level: LevelError, Cause: said, Mend: "Try again later, and look at the provider's status page."}
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return Finding{Check: check, Level: LevelWarning, Cause: said, Mend: "Compare " + check + " with the provider's documentation, letter for letter."}
	default:
		return Finding{Check: check, Level: LevelOK, Cause: said}
	}
}

func unreached(check, address string, err error) Finding {
	return Finding{
		Check: check, Level: LevelError, Cause: fmt.Sprintf("%s cannot be read: %s", address, err),
		Mend: "Check the address, the name resolution, the firewall and the certificate from this machine.",
	}
}

// probeToken redeems a code that nobody gave: a provider that knows this client refuses the code, one that does not refuses the client.
func probeToken(ctx context.Context, d deps, p *idp.Provider) Finding {
	f := codeFlow{row: *p, deps: d}
	pending := Pending{}
	if !p.WithoutPKCE {
		pending.CodeVerifier = oauth2.GenerateVerifier()
	}
	_, err := f.exchange(ctx, endpoints{authorization: p.AuthorizationURL, token: p.TokenURL}, pending, rand.Text())
	var told *tokenError
	var e *idp.Error
	switch {
	case err == nil:
		return Finding{Check: "token_url", Level: LevelWarning, Cause: p.TokenURL + " gives a token for a code that nobody gave", Mend: "Compare token_url with the provider's documentation."}
	case !errors.As(err, &e) || e.Code == CodeUnavailable:
		return unreached("token_url", p.TokenURL, errors.Unwrap(err))
	case !errors.As(err, &told) || told.code == "":
		return Finding{
			Check: "token_url", Level: LevelError, Cause: fmt.Sprintf("%s answers like no token endpoint: %s", p.TokenURL, errors.Unwrap(err)),
			Mend: "Compare token_url and client_id with the provider's documentation, letter for letter.",
		}
	case e.Code == CodeMisconfigured:
		return Finding{
			Check: "token_url", Level: LevelError, Cause: fmt.Sprintf("%s does not know this client: %s", p.TokenURL, told),
			Mend: "Store the secret that the provider shows: `idp provider update " + p.ID + " --client-secret-file …`. Some providers want client_auth_method client_secret_post.",
		}
	}
	return Finding{Check: "token_url", Level: LevelOK, Cause: p.TokenURL + " knows this client"}
}
