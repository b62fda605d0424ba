package upstreamtest

// Script is what the provider does wrong. Its zero value does everything right.
type Script struct {
	// Form makes the authorization endpoint show a page with "Continue" and "Cancel" instead of going on by itself.
	Form bool

	// AuthorizeError is answered in place of a code, with AuthorizeDescription.
	AuthorizeError, AuthorizeDescription string
	// AnnounceIss sets authorization_response_iss_parameter_supported and sends iss in the callback (RFC 9207).
	AnnounceIss bool
	// CallbackIss overrides the iss of the callback; a pointer to "" leaves it out.
	CallbackIss *string

	// Alg signs the ID token: ES256 (default), RS256, HS256 (keyed with the public key) or none.
	Alg string
	// KeyID overrides the header's kid; a pointer to "" leaves it out.
	KeyID *string
	// Stranger signs with a key that is in no key set.
	Stranger bool
	// Header and Claims change the ID token before it is signed.
	Header, Claims func(map[string]any)
	// RawHeader and RawClaims replace the JSON text itself, for what no map can hold, such as duplicate members.
	RawHeader, RawClaims func(string) string
	// RawIDToken replaces the finished token.
	RawIDToken func(string) string

	// TokenStatus and TokenError are answered by the token endpoint in place of tokens.
	TokenStatus                  int
	TokenError, TokenDescription string
	// Token changes the token endpoint's answer.
	Token func(map[string]any)

	// Plain makes it a provider of plain OAuth 2: it asks for no nonce and gives no ID token, and the UserInfo endpoint has "id" where OpenID Connect has
	// "sub", a number if the subject is one, and "verified" where that has "email_verified". /emails lists the address as GitHub does.
	Plain bool
	// RefusesPKCE refuses requests with code_challenge.
	RefusesPKCE bool
	// Raw is answered to requests for a path, whoever asks.
	Raw map[string]Raw

	// LeanIDToken keeps profile and address out of the ID token: they are at the UserInfo endpoint only.
	LeanIDToken bool
	// UserInfoStatus, if set, is the UserInfo endpoint's answer.
	UserInfoStatus int
	// UserInfo changes the UserInfo answer.
	UserInfo func(map[string]any)

	// DiscoveryStatus and JWKSStatus, if set, are answered in place of the documents.
	DiscoveryStatus, JWKSStatus int
	// Discovery and JWKS change the documents.
	Discovery, JWKS func(map[string]any)
	// JWKSPadding puts this many bytes of white space before the key set, sent without a length.
	JWKSPadding int
	// Redirect sends requests for a path elsewhere.
	Redirect map[string]string
	// Hang never answers requests for these paths.
	Hang []string
}
