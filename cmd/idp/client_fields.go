package main

import "idp/internal/idp"

// clientFields are the flags of client create and client update.
func clientFields() []field {
	return []field{
		{flag: "name", member: "client_name", usage: "name that people see on the consent page"},
		{flag: "redirect-uri", member: "redirect_uris", kind: fieldList, usage: "`address` that codes may be sent to, to the letter; may be repeated"},
		{flag: "post-logout-redirect-uri", member: "post_logout_redirect_uris", kind: fieldList, usage: "`address` to return to after sign-out; may be repeated"},
		{flag: "backchannel-logout-uri", member: "backchannel_logout_uri", usage: "`address` that this server posts a logout token to when a session ends"},
		{flag: "ciba-delivery-mode", member: "backchannel_token_delivery_mode", usage: "how it hears of a person's answer: poll or ping", values: idp.SupportedDeliveryModes()},
		{flag: "ciba-notification-uri", member: "backchannel_client_notification_endpoint", usage: "`address` where it is told of a person's answer, in mode ping"},
		{flag: "ciba-request-alg", member: "backchannel_authentication_request_signing_alg", usage: "its requests are signed with this algorithm", values: idp.SupportedSigningAlgs()},
		{flag: "frontchannel-logout-uri", member: "frontchannel_logout_uri", usage: "`address` that is loaded in a frame when a person signs out; of the origin of a redirect URI"},
		{flag: "origin", member: "allowed_origins", kind: fieldList, usage: "`origin` whose scripts may call the token endpoint (default: those of the redirect URIs); may be repeated"},
		{flag: "scope", member: "scopes", kind: fieldWords, usage: "`scopes` that it may ask for, such as openid,profile,email", values: []string{
			idp.ScopeOpenID, idp.ScopeProfile, idp.ScopeEmail, idp.ScopeAddress, idp.ScopePhone, idp.ScopeOfflineAccess, idp.ScopeRoles,
		}},
		{flag: "grant", member: "grant_types", kind: fieldWords, usage: "grant `types`", values: idp.SupportedGrantTypes()},
		{flag: "response-type", member: "response_types", kind: fieldList, usage: "response `type`, such as code or \"code id_token\"; those with a token need the grant type implicit; may be repeated", values: idp.SupportedResponseTypes()},
		{flag: "response-mode", member: "response_modes", kind: fieldWords, usage: "the only response `modes` of its requests", values: idp.SupportedResponseModes()},
		{flag: "authorization-alg", member: "authorization_signed_response_alg", usage: "algorithm of signed answers (response_mode jwt)", values: idp.SupportedSigningAlgs()},
		{flag: "auth-method", member: "token_endpoint_auth_methods", kind: fieldWords, usage: "`methods` by which it proves itself at the token endpoint", values: idp.SupportedAuthMethods()},
		{flag: "audience", member: "audience", kind: fieldList, usage: "`audience` (aud) of its access tokens (default: the issuer); may be repeated"},
		{flag: "require-pkce", member: "require_pkce", kind: fieldSwitch, usage: "refuse requests without PKCE"},
		{flag: "profile", member: "profile", usage: "protocol profile whose switches it is held to", values: idp.SupportedProfiles()},
		{flag: "trusted", member: "trusted", kind: fieldSwitch, usage: "your own application: nobody is asked for consent"},
		{flag: "disabled", member: "disabled", kind: fieldSwitch, usage: "refuse every request of it"},
		{flag: "logo-uri", member: "logo_uri", usage: "`address` of its logo"},
		{flag: "client-uri", member: "client_uri", usage: "`address` of its home page"},
		{flag: "policy-uri", member: "policy_uri", usage: "`address` of its privacy policy"},
		{flag: "tos-uri", member: "tos_uri", usage: "`address` of its terms of service"},
		{flag: "contact", member: "contacts", kind: fieldList, usage: "e-mail `address` of who looks after it; may be repeated"},
		{flag: "application-type", member: "application_type", usage: "web or native: narrows what redirect addresses it may have", values: []string{idp.ApplicationWeb, idp.ApplicationNative}},
		{flag: "initiate-login-uri", member: "initiate_login_uri", usage: "`address` at which somebody else may start a sign-in at the application"},
		{flag: "software-id", member: "software_id", usage: "`name` of the software, whichever of its installations this is"},
		{flag: "software-version", member: "software_version", usage: "`version` of the software"},
		{flag: "acr-value", member: "default_acr_values", kind: fieldList, usage: "ask for this authentication `context`, unless the request says otherwise; may be repeated, in the order of preference"},
		{flag: "max-age", member: "default_max_age", kind: fieldSeconds, usage: "ask for the password when the last sign-in is older than this `duration`, unless the request says otherwise"},
		{flag: "max-session-age", member: "max_session_age", kind: fieldSeconds, usage: "ask for the password when the last sign-in is older than this `duration`, whatever the request says"},
		{flag: "always-reauthenticate", member: "always_reauthenticate", kind: fieldSwitch, usage: "ask for the password at every request"},
		{flag: "exchange-audience", member: "token_exchange_audiences", kind: fieldList, usage: "`audience` for which it may exchange a person's token that was meant for it; may be repeated"},
		{flag: "exchange-impersonation", member: "token_exchange_impersonation", kind: fieldSwitch, usage: "what it gets by exchange does not say that it acts for the person"},
		{flag: "exchange-id-tokens", member: "token_exchange_id_tokens", kind: fieldSwitch, usage: "it may exchange the ID tokens that it got itself too"},
		{flag: "assertion-issuer", member: "assertion_issuers", kind: fieldList, usage: "`issuer` of the setting assertions.issuers whose assertions about people it may trade for tokens (RFC 7523); may be repeated"},
		{flag: "dpop-bound", member: "dpop_bound_access_tokens", kind: fieldSwitch, usage: "its tokens are bound to the key of its DPoP proofs, which every token request must have"},
		{flag: "require-dpop-nonce", member: "require_dpop_nonce", kind: fieldSwitch, usage: "its DPoP proofs must hold a nonce of this server"},
		{flag: "dpop-alg", member: "dpop_signing_algs", kind: fieldWords, usage: "`algorithms` that its DPoP proofs may be signed with (default: all)", values: idp.DPoPAlgorithms()},
		{flag: "certificate-bound", member: "tls_client_certificate_bound_access_tokens", kind: fieldSwitch, usage: "its tokens are bound to its TLS client certificate, which every token request must come with"},
		{flag: "id-token-alg", member: "contract.id_token_alg", usage: "algorithm of its ID tokens", values: idp.SupportedSigningAlgs()},
		{flag: "access-token-alg", member: "contract.access_token_alg", usage: "algorithm of its access tokens", values: idp.SupportedSigningAlgs()},
		{flag: "access-token-format", member: "contract.access_token_format", usage: "format of its access tokens: jwt or opaque", values: []string{idp.AccessTokenJWT, idp.AccessTokenOpaque}},
		{flag: "access-token-ttl", member: "contract.access_token_ttl", kind: fieldSeconds, usage: "life of its access tokens, a `duration` such as 10m"},
		{flag: "refresh-idle", member: "contract.refresh_idle", kind: fieldSeconds, usage: "life of an unused refresh token, a `duration` such as 30d"},
		{flag: "refresh-max", member: "contract.refresh_max", kind: fieldSeconds, usage: "life of a chain of refresh tokens, a `duration` such as 365d"},
		{flag: "end-with-session", member: "contract.end_with_session", kind: fieldSwitch, usage: "refresh tokens end with the session even with offline_access"},
		{flag: "auth-signing-alg", member: "token_endpoint_auth_signing_alg", usage: "the one `algorithm` of its client assertions", values: append(idp.AssertionAlgs(idp.AuthPrivateKeyJWT), idp.AssertionAlgs(idp.AuthClientSecretJWT)...)},
		{flag: "assertion-audience", member: "client_assertion_audience", usage: "issuer: its assertions name the issuer alone, as FAPI 2.0 asks", values: []string{idp.AudienceIssuer}},
		{flag: "tls-subject-dn", member: "tls_client_auth_subject_dn", usage: "`subject` of its certificate, such as CN=app,O=Example"},
		{flag: "tls-san-dns", member: "tls_client_auth_san_dns", usage: "host `name` in its certificate"},
		{flag: "tls-san-uri", member: "tls_client_auth_san_uri", usage: "`URI` in its certificate"},
		{flag: "tls-san-ip", member: "tls_client_auth_san_ip", usage: "IP `address` in its certificate"},
		{flag: "tls-san-email", member: "tls_client_auth_san_email", usage: "e-mail `address` in its certificate"},
		{flag: "jwks", member: "jwks", kind: fieldJSON, usage: "`file` that holds its public keys, a JWK Set"},
		{flag: "jwks-uri", member: "jwks_uri", usage: "https `address` where its public keys are read"},
		{flag: "require-par", member: "require_pushed_authorization_requests", kind: fieldSwitch, usage: "take only requests that were pushed (RFC 9126)"},
		{flag: "subject-type", member: "subject_type", usage: "public: people have the same sub everywhere; pairwise: another at each sector", values: idp.SupportedSubjectTypes()},
		{flag: "sector-identifier-uri", member: "sector_identifier_uri", usage: "`address` of the list of the redirect URIs of its sector"},
		{flag: "userinfo-alg", member: "userinfo_signed_response_alg", usage: "UserInfo as a JWT, signed with this algorithm", values: idp.SupportedSigningAlgs()},
		{flag: "id-token-encryption", member: "id_token_encrypted_response_alg", usage: "encrypt its ID tokens with its key for this algorithm", values: idp.SupportedEncryptionAlgs()},
		{flag: "userinfo-encryption", member: "userinfo_encrypted_response_alg", usage: "encrypt UserInfo with its key for this algorithm", values: idp.SupportedEncryptionAlgs()},
		{flag: "authorization-encryption", member: "authorization_encrypted_response_alg", usage: "encrypt signed answers with its key for this algorithm", values: idp.SupportedEncryptionAlgs()},
		{flag: "introspection-alg", member: "introspection_signed_response_alg", usage: "algorithm of introspection answers that it asks for as JWTs", values: idp.SupportedSigningAlgs()},
		{flag: "introspection-encryption", member: "introspection_encrypted_response_alg", usage: "encrypt introspection answers with its key for this algorithm", values: idp.SupportedEncryptionAlgs()},
		{flag: "request-encryption", member: "request_object_encryption_alg", usage: "it may encrypt request objects with our key for this algorithm", values: idp.SupportedEncryptionAlgs()},
		{flag: "require-signed-request", member: "require_signed_request_object", kind: fieldSwitch, usage: "take only requests in a request object that it signed (RFC 9101)"},
		{flag: "request-object-alg", member: "request_object_signing_alg", usage: "algorithm of its request objects", values: append(idp.SupportedSigningAlgs(), idp.RequestObjectUnsigned)},
		{flag: "resource", member: "resources", kind: fieldList, usage: "`resource` that it may ask tokens for, beside its audience (RFC 8707); may be repeated"},
		{flag: "authorization-type", member: "authorization_details_types", kind: fieldList, usage: "`type` of authorization details that it may ask for (RFC 9396); may be repeated"},
		{flag: "request-uri", member: "request_uris", kind: fieldList, usage: "`address` where its request objects may be read; may be repeated"},
		{flag: "claims-in-id-token", member: "contract.claims_in_id_token", kind: fieldSwitch, usage: "profile and address in the ID token too"},
	}
}

func clientListEdits() []listEdit {
	return []listEdit{
		{"redirect-uri", "redirect_uris"},
		{"post-logout-redirect-uri", "post_logout_redirect_uris"},
		{"scope", "scopes"},
		{"grant", "grant_types"},
	}
}

// clientPreset is what a kind of application usually needs; flags are laid over it.
type clientPreset struct {
	name, summary string
	members       map[string]any
}

func clientPresets() []clientPreset {
	public := []string{idp.AuthNone}
	return []clientPreset{
		{"web", "an application on a server, which keeps a secret", map[string]any{}},
		{"spa", "an application in the browser, without a secret", map[string]any{"token_endpoint_auth_methods": public}},
		{"native", "an application on a desktop or phone, without a secret", map[string]any{
			"token_endpoint_auth_methods": public,
			"scopes":                      []string{idp.ScopeOpenID, idp.ScopeProfile, idp.ScopeEmail, idp.ScopeOfflineAccess},
		}},
		{"device", "a television, console or command line, which shows a code to be typed elsewhere", map[string]any{
			"token_endpoint_auth_methods": public, "grant_types": []string{idp.GrantDeviceCode, idp.GrantRefreshToken}, "response_types": []string{},
			"scopes": []string{idp.ScopeOpenID, idp.ScopeProfile, idp.ScopeEmail, idp.ScopeOfflineAccess},
		}},
		{"service", "a program that acts for itself, without a person", map[string]any{
			"grant_types": []string{idp.GrantClientCredentials}, "response_types": []string{}, "scopes": []string{},
		}},
	}
}
