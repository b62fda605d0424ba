package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"idp/internal/idp"
)

// Level says how bad a finding is.
type Level string

// The levels: with an error nobody can sign in, with a warning perhaps not everybody.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// Finding is one thing that a look at an upstream showed.
type Finding struct {
	Check string // a stable word: configuration, discovery, issuer, …
	Level Level
	Cause string // what was found
	Mend  string // what to do; empty if it is well
}

// Test looks at an upstream without signing in and without the caches, for `idp provider test` and `idp doctor`. It also looks at
// disabled providers. The result is in the order of the checks and never empty.
func (r *Registry) Test(ctx context.Context, p idp.Provider) []Finding {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	if err := Validate(&p); err != nil {
		return configurationFindings(err)
	}
	kind, _ := kindOf(p.Type)
	return append([]Finding{{Check: "configuration", Level: LevelOK, Cause: "every field is well formed"}}, kind.probe(ctx, r.deps, &p)...)
}

func probeOIDC(ctx context.Context, d deps, p *idp.Provider) []Finding {
	var out []Finding
	doc, err := getJSON(ctx, d.client, discoveryURL(p.Issuer), "")
	if err != nil {
		return append(out, Finding{
			Check: "discovery", Level: LevelError, Cause: fmt.Sprintf("%s cannot be read: %s", discoveryURL(p.Issuer), reason(err)),
			Mend: "Check the issuer, the name resolution, the firewall and the certificate from this machine.",
		})
	}
	out = append(out, Finding{Check: "discovery", Level: LevelOK, Cause: discoveryURL(p.Issuer) + " was read"})
	m, faults := readMetadata(p.Issuer, doc)
	if len(faults) > 0 {
		return append(out, faults...)
	}
	out = append(out,
		Finding{Check: "issuer", Level: LevelOK, Cause: "the document speaks for " + p.Issuer},
		Finding{Check: "endpoints", Level: LevelOK, Cause: "all endpoints are usable"},
		Finding{Check: "algorithms", Level: LevelOK, Cause: fmt.Sprintf("ID tokens may be signed with %v", m.algorithms)})
	out = append(out, keyFindings(ctx, d, m)...)
	return append(out, announcedFindings(p, m)...)
}

// reason returns an error without the method and the address that net/http puts before it: the finding says them.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func configurationFindings(err error) []Finding {
	var out []Finding
	for _, fault := range idp.Faults(err) {
		out = append(out, Finding{Check: "configuration", Level: LevelError, Cause: fault.Error(), Mend: fmt.Sprintf("Change %s.", fault.Field)})
	}
	return out
}

func keyFindings(ctx context.Context, d deps, m *metadata) []Finding {
	keys, err := fetchKeys(ctx, d.client, m.jwksURI)
	if err != nil {
		return []Finding{{
			Check: "keys", Level: LevelError, Cause: fmt.Sprintf("the keys at %s cannot be read: %s", m.jwksURI, reason(err)),
			Mend: "Check that this machine reaches the address and that it shows a JSON Web Key Set of at most 1 MiB.",
		}}
	}
	for _, alg := range m.algorithms {
		if len(choose(keys, "", alg)) > 0 {
			return []Finding{{Check: "keys", Level: LevelOK, Cause: fmt.Sprintf("%s at %s", idp.Counted(len(keys), "usable key"), m.jwksURI)}}
		}
	}
	return []Finding{{
		Check: "keys", Level: LevelError, Cause: "no key fits any of the announced algorithms",
		Mend: "Ask the provider's operator: its tokens cannot be verified.",
	}}
}

// announcedFindings compares the row with what the provider says it supports. Providers forget to announce things that work, so these are warnings.
func announcedFindings(p *idp.Provider, m *metadata) []Finding {
	var out []Finding
	for _, c := range []struct{ check, member, want, mend string }{
		{"client_auth_method", "token_endpoint_auth_methods_supported", p.ClientAuthMethod, "Set client_auth_method to one that the provider announces."},
		{"pkce", "code_challenge_methods_supported", idp.ChallengeS256, "Nothing, if signing in works: the provider may ignore PKCE."},
		{"response_type", "response_types_supported", "code", "Allow the authorization code flow for this client at the provider."},
	} {
		if announced, err := m.document.texts(c.member); err == nil && len(announced) > 0 && !slices.Contains(announced, c.want) {
			out = append(out, Finding{Check: c.check, Level: LevelWarning, Cause: fmt.Sprintf("%s is not among the provider's %s", c.want, c.member), Mend: c.mend})
		}
	}
	if announced, err := m.document.texts("scopes_supported"); err == nil && len(announced) > 0 {
		for _, s := range p.Scopes {
			if !slices.Contains(announced, s) {
				out = append(out, Finding{
					Check: "scopes", Level: LevelWarning, Cause: fmt.Sprintf("the scope %s is not among the provider's scopes_supported", s),
					Mend: "Leave the scope out if signing in fails.",
				})
			}
		}
	}
	return out
}
