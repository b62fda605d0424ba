package upstream

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"idp/internal/idp"
)

const (
	maxName       = 64
	maxField      = 1024
	maxScopes     = 32
	maxDomains    = 256
	maxProviderID = 64
)

// Validate fills in the defaults of p's type and returns every fault at once: an errors.Join of *idp.Error of kind Invalid, each with its
// Field. It writes the domains in their canonical form. Slices are replaced, never changed in place.
func Validate(p *idp.Provider) error {
	kind, known := kindOf(p.Type)
	if !known {
		return unknownType(p.Type)
	}
	kind.preset(p)
	if p.ClientAuthMethod == "" {
		p.ClientAuthMethod = idp.AuthClientSecretBasic
	}
	if p.Linking == "" {
		p.Linking = idp.LinkProve
	}
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, idp.Invalidf(field, format, args...))
	}
	checkNaming(p, fault)
	checkCredentials(p, fault)
	checkRules(p, kind.info, fault)
	checkVouchers(p, fault)
	kind.check(p, fault)
	return errors.Join(faults...)
}

func unknownType(name string) *idp.Error {
	var names []string
	for _, t := range Types() {
		names = append(names, t.Type)
	}
	return idp.Invalidf("type", "There is no provider type %s. Use one of: %s.", loggable(name), strings.Join(names, ", "))
}

type faultFunc func(field, format string, args ...any)

func checkNaming(p *idp.Provider, fault faultFunc) {
	if !validID(p.ID) {
		fault("id", "The provider's id %s becomes part of its callback address: use 1 to %d lower-case letters, digits and dashes, beginning with a letter or digit.", loggable(p.ID), maxProviderID)
	}
	switch {
	case strings.TrimSpace(p.Name) == "":
		fault("name", "The name is missing. It is the text on the sign-in button, for example \"GitLab\".")
	case len(p.Name) > maxName || strings.ContainsFunc(p.Name, unicode.IsControl):
		fault("name", "The name is longer than %d bytes or has control characters. It is the text on the sign-in button.", maxName)
	}
}

func validID(id string) bool {
	for i, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && (r != '-' || i == 0) {
			return false
		}
	}
	return id != "" && len(id) <= maxProviderID
}

// checkOIDC is what OpenID Connect asks of a row.
func checkOIDC(p *idp.Provider, fault faultFunc) {
	if !slices.Contains(p.Scopes, idp.ScopeOpenID) {
		fault("scopes", "The scopes lack \"openid\". Without it there is no ID token, and nobody can sign in.")
	}
	if len(p.AllowedDomains) > 0 && !slices.Contains(p.Scopes, idp.ScopeEmail) {
		fault("scopes", "The scopes lack \"email\", which allowed_domains needs: without an address everybody is refused.")
	}
	if !reflect.DeepEqual(p.ProviderEndpoints, idp.ProviderEndpoints{}) {
		fault("authorization_url", "Addresses, authorization_parameters, without_pkce and claims are for type %s: with type %s the discovery document and the ID token say all of it. Leave them empty.", TypeOAuth2, p.Type)
	}
	if p.Issuer == "" {
		fault("issuer", "The issuer is missing. It is the provider's address as its discovery document writes it, such as https://gitlab.com.")
		return
	}
	checkIssuer(p, fault)
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return
	}
	if strings.HasSuffix(u.Path, "/.well-known/openid-configuration") {
		fault("issuer", "The issuer is the address of the discovery document. Leave out /.well-known/openid-configuration.")
	}
	if tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); u.Hostname() == "login.microsoftonline.com" &&
		slices.Contains([]string{"common", "organizations", "consumers"}, tenant) {
		// Its tokens name the tenant of whoever signs in as issuer, so that any tenant's administrator could speak for anybody ("nOAuth").
		fault("issuer", "Microsoft's %q has no issuer of its own: each token names another tenant. Use https://login.microsoftonline.com/TENANT-ID/v2.0, one provider for each tenant.", tenant)
	}
}

// checkIssuer looks at the first half of everybody's identity.
func checkIssuer(p *idp.Provider, fault faultFunc) {
	u, err := url.Parse(p.Issuer)
	switch {
	case err != nil || u.Host == "" || len(p.Issuer) > maxField || p.Issuer != strings.TrimSpace(p.Issuer):
		fault("issuer", "The issuer %s is no address. Write it as the provider itself does, beginning with https://.", loggable(p.Issuer))
		return
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil:
		fault("issuer", "The issuer must not have a query, a fragment or a user name. Leave out everything after the path.")
	case checkTransportSecurity(u) != nil:
		fault("issuer", "The issuer %s is not https. Plain http is for a provider on this machine only.", loggable(p.Issuer))
	}
}

func checkCredentials(p *idp.Provider, fault faultFunc) {
	switch {
	case p.ClientID == "":
		fault("client_id", "The client id is missing. The provider shows it after you register this server as an application.")
	case !plainText(p.ClientID):
		fault("client_id", "The client id has spaces around it, control characters, or is longer than %d bytes. Copy it again.", maxField)
	}
	switch {
	case p.ClientSecret == "":
		fault("client_secret", "The client secret is missing. The provider shows it beside the client id; pass it in a file.")
	case !plainText(p.ClientSecret):
		fault("client_secret", "The client secret has spaces around it, control characters, or is longer than %d bytes. Copy it again.", maxField)
	}
	if p.ClientAuthMethod != idp.AuthClientSecretBasic && p.ClientAuthMethod != idp.AuthClientSecretPost {
		fault("client_auth_method", "The client authentication %s is not supported. Use %s or %s.",
			loggable(p.ClientAuthMethod), idp.AuthClientSecretBasic, idp.AuthClientSecretPost)
	}
}

func plainText(s string) bool {
	return len(s) <= maxField && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func checkRules(p *idp.Provider, info TypeInfo, fault faultFunc) {
	for _, s := range p.Scopes {
		if s == "" || len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			fault("scopes", "The scope %s has characters that RFC 6749 §3.3 does not allow. Give each scope as an entry of its own.", loggable(s))
		}
	}
	if len(p.Scopes) > maxScopes {
		fault("scopes", "There are more than %d scopes. Ask for what signing in needs.", maxScopes)
	}
	if p.HostedDomain != "" {
		if domain, ok := canonicalDomain(p.HostedDomain); !ok {
			fault("hosted_domain", "The hosted domain %s is no domain. Write it like corp.example.", loggable(p.HostedDomain))
		} else {
			p.HostedDomain = domain
		}
		if !info.HostedDomain {
			fault("hosted_domain", "Only Google has hosted domains (the claim hd); with type %s nobody could sign in. Use allowed_domains.", p.Type)
		}
	}
	if len(p.AllowedDomains) > maxDomains {
		fault("allowed_domains", "There are more than %d allowed domains.", maxDomains)
	}
	domains := make([]string, 0, len(p.AllowedDomains))
	for _, d := range p.AllowedDomains {
		domain, ok := canonicalDomain(d)
		if !ok {
			fault("allowed_domains", "The allowed domain %s is no domain. Write it like corp.example, without @ or *; subdomains are listed one by one.", loggable(d))
			continue
		}
		domains = append(domains, domain)
	}
	if len(domains) > 0 {
		p.AllowedDomains = slices.Compact(slices.Sorted(slices.Values(domains)))
	}
	switch p.Linking {
	case idp.LinkNever, idp.LinkProve:
	case idp.LinkAutomatic:
		if !p.TrustEmail {
			fault("linking", "Automatic linking needs trust_email: otherwise whoever can write an address there takes over the account here. Set trust_email if this provider verifies every address, or use linking %s.", idp.LinkProve)
		}
	default:
		fault("linking", "There is no linking policy %s. Use %s, %s or %s.", loggable(string(p.Linking)), idp.LinkNever, idp.LinkProve, idp.LinkAutomatic)
	}
}

// checkVouchers: without anything that the ID token must say, every sign-in at the upstream would pass for the context.
func checkVouchers(p *idp.Provider, fault faultFunc) {
	if len(p.Vouchers) > idp.MaxAuthenticationContexts {
		fault("vouches_for", "There are %d entries; %d is the most.", len(p.Vouchers), idp.MaxAuthenticationContexts)
		return
	}
	for i, v := range p.Vouchers {
		field := fmt.Sprintf("vouches_for[%d]", i)
		bad := func(s string) bool { return !idp.ValidACR(s) }
		switch {
		case bad(v.Context):
			fault(field, "The context %s is no name of one: write one of the setting authentication_contexts.", loggable(v.Context))
		case v.ACR == "" && len(v.AMR) == 0:
			fault(field, "What the provider's ID token must say for %s is missing: name its acr, or what must be in its amr.", v.Context)
		case v.ACR != "" && bad(v.ACR), slices.ContainsFunc(v.AMR, bad), len(v.AMR) > maxAMR:
			fault(field, "The acr %s or the amr %s cannot be in an ID token: they are words without spaces and quotes, at most %d.", loggable(v.ACR), loggable(strings.Join(v.AMR, " ")), maxAMR)
		}
	}
}

// canonicalDomain returns a domain as CanonicalEmail writes it, so that the comparison is one of equal bytes.
func canonicalDomain(d string) (string, bool) {
	email, ok := idp.CanonicalEmail(fmt.Sprintf("a@%s", d))
	return strings.TrimPrefix(email, "a@"), ok && !strings.ContainsAny(d, "*")
}
