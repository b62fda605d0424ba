package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
)

// Level says how much a finding matters.
type Level string

// The levels.
const (
	LevelNote    Level = "note"    // unusual, and perhaps meant
	LevelWarning Level = "warning" // weaker than it need be, or some applications will fail
	LevelRefused Level = "refused" // the profile that was asked about would refuse it
)

// Finding is something about a client that is allowed but unusual or weak, and how to mend it.
type Finding struct {
	Check string `json:"check"` // a stable word
	Level Level  `json:"level"`
	Field string `json:"field,omitempty"`
	Cause string `json:"cause"`
	Mend  string `json:"mend"`
}

// Check returns the findings about one client, with those that need to know this server.
func (s *Service) Check(ctx context.Context, id string) ([]Finding, error) {
	c, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	out := explain(c, time.Now())
	for i, uri := range c.RedirectURIs {
		if strings.HasPrefix(uri, s.Issuer+"/") {
			out = append(out, Finding{"redirect_own", LevelWarning, fmt.Sprintf("redirect_uris[%d]", i), "The redirect URI is an address of this server itself.", "Register the application's own address."})
		}
	}
	for i, acr := range c.DefaultACRValues {
		if !s.Contexts.Has(acr) {
			out = append(out, Finding{
				"acr_unknown", LevelWarning, fmt.Sprintf("default_acr_values[%d]", i), "Nobody who signs in here satisfies " + acr + ": it is not in the setting authentication_contexts.",
				"Take it out of the registration, or add it to the setting.",
			})
		}
	}
	return out, nil
}

// CheckProfile returns what a profile would refuse about a client, beside what it would set by itself.
func (s *Service) CheckProfile(ctx context.Context, id, profile string) ([]Finding, error) {
	if !slices.Contains(idp.SupportedProfiles(), profile) {
		return nil, idp.Invalidf("profile", "There is no profile %.40q. Use %s.", profile, strings.Join(idp.SupportedProfiles(), ", "))
	}
	c, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	held := *c
	held.Profile = profile
	held.ApplyDefaults()
	var out []Finding
	for _, fault := range held.ProfileFaults(profile) {
		if e := (*idp.Error)(nil); errors.As(fault, &e) {
			out = append(out, Finding{"profile_" + profile, LevelRefused, e.Field, e.Message, "Mend it, and then `idp client update " + id + " --profile " + profile + "`."})
		}
	}
	return out, nil
}

func explain(c *idp.Client, now time.Time) []Finding {
	var out []Finding
	add := func(check string, level Level, field, cause, mend string) {
		out = append(out, Finding{check, level, field, cause, mend})
	}
	if c.Disabled {
		add("disabled", LevelNote, "disabled", "The client is disabled: every request of it is refused.", "Set disabled to false to let people sign in.")
	}
	if c.Trusted {
		add("trusted", LevelNote, "trusted", "Nobody is asked for consent.", "Keep this for applications of your own.")
	}
	if c.Stranger() {
		add("named_itself", LevelNote, "managed_by", "The client named itself, and nobody here has looked at it: the consent page says so, and it is deleted when nobody uses it.", "Approve it with `idp client approve`, or deny it with `idp client deny`.")
	}
	explainSecrets(c, now, add)
	if slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		explainCode(c, add)
	}
	explainAnswers(c, add)
	explainContract(c, add)
	explainFormats(c, add)
	return out
}

type addFunc func(check string, level Level, field, cause, mend string)

func explainSecrets(c *idp.Client, now time.Time, add addFunc) {
	if !c.HasSecret() {
		return
	}
	good, lasting, signs := 0, 0, false
	for _, s := range c.Secrets {
		if s.ExpiresAt == nil {
			lasting++
		}
		if s.ExpiresAt == nil || now.Before(*s.ExpiresAt) {
			good++
			signs = signs || s.Sealed != ""
		}
	}
	switch {
	case good == 0:
		add("secret_expired", LevelWarning, "secrets", "Every secret has expired: the client cannot use the token endpoint.", "Make a new one with `idp client rotate-secret`.")
	case lasting > 1:
		add("secret_several", LevelNote, "secrets", fmt.Sprintf("%d secrets are good for ever.", lasting), "If a change of secret has been finished, remove the old one.")
	}
	basic, post := slices.Contains(c.AuthMethods, idp.AuthClientSecretBasic), slices.Contains(c.AuthMethods, idp.AuthClientSecretPost)
	if c.Authenticates(idp.AuthClientSecretJWT) && !signs && good > 0 {
		add("secret_not_readable", LevelWarning, "secrets", "The client may sign with its secret, but its secrets were made before and kept as digests: nothing that it signs can be verified.", "Make a new one with `idp client rotate-secret`.")
	}
	if basic != post { // RP-3
		add("auth_method_single", LevelNote, "token_endpoint_auth_methods", "Only one of client_secret_basic and client_secret_post is allowed. Some libraries exchange the code with one and refresh with the other.", "Allow both unless you know the library.")
	}
}

func explainCode(c *idp.Client, add addFunc) {
	if !c.RequirePKCE { // RP-4
		add("pkce_optional", LevelNote, "require_pkce", "PKCE is accepted but not required.", "Turn it on in the application (one line in most libraries), then set require_pkce to true.")
	}
	for i, uri := range c.RedirectURIs {
		field := fmt.Sprintf("redirect_uris[%d]", i)
		switch {
		case strings.HasPrefix(uri, "http://localhost") && c.Public(): // RFC 8252 §8.3
			add("redirect_localhost", LevelNote, field, "The redirect URI names localhost, whose port is compared and which may resolve elsewhere.", "A native application should use http://127.0.0.1 or http://[::1]: any port matches then.")
		case strings.HasPrefix(uri, "http://") && !c.Public():
			add("redirect_http", LevelNote, field, "The redirect URI is for a browser on the application's own machine.", "Use this for development only, and https for what others use.")
		case strings.Contains(uri, "?"):
			add("redirect_query", LevelNote, field, "The redirect URI has a query, which is compared byte for byte.", "The application must send exactly this, in this encoding.")
		}
	}
	if len(c.PostLogoutRedirectURIs) == 0 {
		add("logout_no_return", LevelNote, "post_logout_redirect_uris", "After signing out people stay on this server's page.", "Register the address they should return to.")
	}
	if c.FrontchannelLogoutURI != "" && c.BackchannelLogoutURI == "" {
		add("logout_frame_only", LevelNote, "frontchannel_logout_uri", "The application hears of a sign-out by a frame alone, in which most browsers keep its cookies back.", "Register backchannel_logout_uri too, if the application can take a logout token.")
	}
	if !slices.Contains(c.Scopes, idp.ScopeOpenID) && (slices.Contains(c.Scopes, idp.ScopeProfile) || slices.Contains(c.Scopes, idp.ScopeEmail)) {
		add("scope_no_openid", LevelWarning, "scopes", "Profile or email is allowed but openid is not: there is no ID token.", "Add openid, unless the application is plain OAuth.")
	}
	refresh, offline := slices.Contains(c.GrantTypes, idp.GrantRefreshToken), slices.Contains(c.Scopes, idp.ScopeOfflineAccess)
	if refresh && !offline {
		add("refresh_with_session", LevelNote, "scopes", "Refresh tokens end with the person's session, and asking for offline_access is refused.", "Add the scope offline_access if the application works while the person is away.")
	}
}

// explainAnswers tells what travels through the browser, and how.
func explainAnswers(c *idp.Client, add addFunc) {
	if i := slices.IndexFunc(c.ResponseTypes, func(words string) bool {
		t, ok := idp.ParseResponseType(words)
		return ok && t.Token
	}); i >= 0 { // RFC 9700 §2.1.2
		add("token_in_browser", LevelWarning, fmt.Sprintf("response_types[%d]", i), "Access tokens come through the browser's address, where scripts, extensions and histories can read them; they are bound to nothing, and nothing refreshes them.", "Use the response type code, with PKCE: every current library has it.")
	} else if slices.Contains(c.GrantTypes, idp.GrantImplicit) {
		add("id_token_in_browser", LevelNote, "response_types", "ID tokens come through the browser's address. An application that takes the answer by GET on its server does not see them.", "Use the response type code, or response_mode=form_post.")
	}
	if len(c.ResponseModes) > 0 && !c.TakesMode(idp.ResponseMode{Carrier: idp.ModeQuery}, idp.ResponseType{Code: true}) && slices.Contains(c.ResponseTypes, idp.ResponseTypeCode) {
		add("response_mode_named", LevelNote, "response_modes", "A request for a code that names no response_mode is refused: the query is not among the client's modes.", "Add query, or have the application send response_mode.")
	}
}

// explainFormats tells what most libraries have to be told, and what outlives a change.
func explainFormats(c *idp.Client, add addFunc) {
	if c.UserInfoSignedAlg != "" || c.UserInfoEncryptedAlg != "" {
		add("userinfo_jwt", LevelNote, "userinfo_signed_response_alg", "UserInfo comes as a JWT, whatever the application accepts. Many libraries read JSON alone.", "Leave the userinfo_… members out unless the application asks for it.")
	}
	if c.IDTokenEncryptedAlg != "" {
		add("id_token_encrypted", LevelNote, "id_token_encrypted_response_alg", "ID tokens are encrypted to the application's key. TLS carries them in any case, and few libraries decrypt.", "Leave it out unless ID tokens pass through other hands, such as a browser's.")
	}
	for _, alg := range []struct{ field, name string }{
		{"id_token_encrypted_response_alg", c.IDTokenEncryptedAlg},
		{"userinfo_encrypted_response_alg", c.UserInfoEncryptedAlg},
		{"introspection_encrypted_response_alg", c.IntrospectionEncryptedAlg},
		{"request_object_encryption_alg", c.RequestObjectEncryptionAlg},
	} {
		if alg.name == idp.AlgRSAOAEP {
			add("rsa_oaep_sha1", LevelNote, alg.field, "RSA-OAEP uses SHA-1. Nobody knows an attack, and auditors ask.", "Use RSA-OAEP-256, or ECDH-ES.")
		}
	}
	if c.Pairwise() && c.SectorIdentifierURI == "" {
		add("pairwise_by_host", LevelNote, "sector_identifier_uri", "People's sub is computed for the host of the redirect URIs, "+c.Sector()+". On another host everybody would be a stranger.", "Name a sector_identifier_uri on an address that stays, before people sign in.")
	}
}

func explainContract(c *idp.Client, add addFunc) {
	k := c.Contract
	code := slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode)
	if code && k.IDTokenAlg != idp.AlgRS256 { // RP-6
		add("id_token_alg", LevelWarning, "contract.id_token_alg", "ID tokens are signed with "+k.IDTokenAlg+". social-core and others accept RS256 alone unless they are told.", "Use RS256, or configure the application.")
	}
	if code && !k.ClaimsInIDToken { // RP-7
		add("claims_not_in_id_token", LevelNote, "contract.claims_in_id_token", "Name and address come from UserInfo alone. Authlib reads them in the ID token.", "Set claims_in_id_token to true unless the application asks UserInfo.")
	}
	if k.ReleaseUnverifiedEmail { // RP-11
		add("unverified_email", LevelWarning, "contract.release_unverified_email", "Addresses that nobody has confirmed are told. Most libraries do not look at email_verified: whoever registers somebody else's address gets into their account there.", "Set release_unverified_email to false.")
	}
	if k.AccessTokenTTL > 3600 {
		add("access_token_long", LevelWarning, "contract.access_token_ttl", fmt.Sprintf("Access tokens are good for %s elsewhere even after they are revoked.", k.AccessTokenTTL.Duration()), "Use an hour at most, and refresh.")
	}
	if k.AccessTokenFormat == idp.AccessTokenOpaque {
		add("access_token_opaque", LevelNote, "contract.access_token_format", "Access tokens are opaque: an API has to ask the introspection endpoint about each.", "Use jwt unless that is meant.")
	}
	if k.CodeTTL > 120 {
		add("code_long", LevelNote, "contract.code_ttl", fmt.Sprintf("Codes are good for %s.", k.CodeTTL.Duration()), "A minute is enough for every library.")
	}
	if !slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
		return
	}
	switch {
	case k.RefreshMode == idp.RefreshStatic:
		add("refresh_static", LevelWarning, "contract.refresh_mode", "Refresh tokens stay the same: a stolen one works until it expires.", "Use rotate, unless the tokens are bound to a key.")
	case k.RefreshGrace == 0: // RP-10
		add("refresh_no_grace", LevelWarning, "contract.refresh_grace", "Two refreshes at the same time look like theft and sign the person out. No common library locks around refresh.", "Set refresh_grace to 60.")
	}
}
