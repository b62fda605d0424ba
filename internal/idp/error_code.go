package idp

// The error codes that the protocol's specifications register, each under the clause that says when it is sent. Nobody else writes these
// words: internal/arch_wire_test.go looks.
const (
	// CodeInvalidRequest says that a parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1, §5.2).
	CodeInvalidRequest = "invalid_request"
	// CodeInvalidClient says that the client is unknown, or did not prove who it is (RFC 6749 §5.2).
	CodeInvalidClient = "invalid_client"
	// CodeInvalidGrant says that a code, a refresh token or an assertion is spent, expired, or another client's (RFC 6749 §5.2).
	CodeInvalidGrant = "invalid_grant"
	// CodeUnauthorizedClient says that the client is not registered for what it asks (RFC 6749 §4.1.2.1, §5.2).
	CodeUnauthorizedClient = "unauthorized_client"
	// CodeUnsupportedGrantType says that this server has no such grant (RFC 6749 §5.2).
	CodeUnsupportedGrantType = "unsupported_grant_type"
	// CodeUnsupportedResponseType says that this server has no such response type (RFC 6749 §4.1.2.1).
	CodeUnsupportedResponseType = "unsupported_response_type"
	// CodeInvalidScope says that a scope is unknown, or not for this client (RFC 6749 §4.1.2.1, §5.2).
	CodeInvalidScope = "invalid_scope"
	// CodeAccessDenied says that the person, or this server, said no (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
	CodeAccessDenied = "access_denied"
	// CodeServerError says that the fault is here (RFC 6749 §4.1.2.1).
	CodeServerError = "server_error"
	// CodeTemporarilyUnavailable says that trying again later may do (RFC 6749 §4.1.2.1).
	CodeTemporarilyUnavailable = "temporarily_unavailable"

	// CodeInvalidToken says that an access token is expired, revoked or not of this server (RFC 6750 §3.1).
	CodeInvalidToken = "invalid_token"
	// CodeInsufficientScope says that the access token is good, and not for this (RFC 6750 §3.1).
	CodeInsufficientScope = "insufficient_scope"
	// CodeInsufficientUserAuthentication says that the sign-in behind the access token is too old or too weak (RFC 9470 §3).
	CodeInsufficientUserAuthentication = "insufficient_user_authentication"

	// CodeLoginRequired says that the person must sign in, and prompt=none forbids to ask (OpenID Connect Core §3.1.2.6).
	CodeLoginRequired = "login_required"
	// CodeConsentRequired says that the person must allow it, and prompt=none forbids to ask (OpenID Connect Core §3.1.2.6).
	CodeConsentRequired = "consent_required"
	// CodeInteractionRequired says that some page must be shown, and prompt=none forbids it (OpenID Connect Core §3.1.2.6).
	CodeInteractionRequired = "interaction_required"
	// CodeAccountSelectionRequired says that the person must select an account, and prompt=none forbids to ask (OpenID Connect Core §3.1.2.6).
	CodeAccountSelectionRequired = "account_selection_required"
	// CodeUnmetAuthenticationRequirements says that the person cannot sign in as an essential acr asks (OpenID Connect Unmet Authentication Requirements 1.0 §2).
	CodeUnmetAuthenticationRequirements = "unmet_authentication_requirements"

	// CodeInvalidRequestObject says that a request object is forged, stale, or holds what it may not (RFC 9101 §7).
	CodeInvalidRequestObject = "invalid_request_object"
	// CodeInvalidRequestURI says that a request_uri leads to nothing that can be used (RFC 9101 §7).
	CodeInvalidRequestURI = "invalid_request_uri"
	// CodeRequestNotSupported says that the parameter request is not taken (RFC 9101 §7).
	CodeRequestNotSupported = "request_not_supported"
	// CodeRequestURINotSupported says that the parameter request_uri is not taken (RFC 9101 §7).
	CodeRequestURINotSupported = "request_uri_not_supported"
	// CodeRegistrationNotSupported says that the parameter registration is not taken (OpenID Connect Core §3.1.2.6).
	CodeRegistrationNotSupported = "registration_not_supported"

	// CodeInvalidTarget says that a resource or an audience is unknown, or not for this client (RFC 8707 §2, RFC 8693 §2.2.2).
	CodeInvalidTarget = "invalid_target"
	// CodeInvalidAuthorizationDetails says that authorization_details have an unknown type, or do not fit theirs (RFC 9396 §5).
	CodeInvalidAuthorizationDetails = "invalid_authorization_details"
	// CodeInvalidDPoPProof says that a DPoP proof is missing, forged, stale or used before (RFC 9449 §5).
	CodeInvalidDPoPProof = "invalid_dpop_proof"
	// CodeUseDPoPNonce says that the proof must carry the nonce that stands beside this answer (RFC 9449 §8).
	CodeUseDPoPNonce = "use_dpop_nonce"

	// CodeAuthorizationPending says that the person has not answered yet (RFC 8628 §3.5).
	CodeAuthorizationPending = "authorization_pending"
	// CodeSlowDown says that the polls come too fast (RFC 8628 §3.5).
	CodeSlowDown = "slow_down"
	// CodeExpiredToken says that nobody answered in time (RFC 8628 §3.5).
	CodeExpiredToken = "expired_token"
	// CodeUnknownUserID says that a hint names nobody who can be asked (CIBA Core §13).
	CodeUnknownUserID = "unknown_user_id"
	// CodeExpiredLoginHintToken says that a login_hint_token is too old (CIBA Core §13).
	CodeExpiredLoginHintToken = "expired_login_hint_token"
	// CodeInvalidBindingMessage says that a binding_message cannot be shown (CIBA Core §13).
	CodeInvalidBindingMessage = "invalid_binding_message"

	// CodeInvalidRedirectURI says that a redirect URI cannot be registered (RFC 7591 §3.2.2). The pages and the admin API say CodeRedirectURI.
	CodeInvalidRedirectURI = "invalid_redirect_uri"
	// CodeInvalidClientMetadata says that another member of a registration cannot be taken (RFC 7591 §3.2.2).
	CodeInvalidClientMetadata = "invalid_client_metadata"
	// CodeInvalidSoftwareStatement says that a software statement is forged or stale (RFC 7591 §3.2.2).
	CodeInvalidSoftwareStatement = "invalid_software_statement"
	// CodeUnapprovedSoftwareStatement says that nobody here trusts who signed the statement (RFC 7591 §3.2.2).
	CodeUnapprovedSoftwareStatement = "unapproved_software_statement"
)
