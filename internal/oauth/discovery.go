package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/oauth/claims"
)

// document is a prepared answer.
type document struct {
	body []byte
	etag string
}

// metadata is what discovery says (OpenID Connect Discovery §3, RFC 8414 §2, RP-Initiated Logout §2.1): only registered names, only what
// is true, nothing without a value (OpenID Connect Discovery §4.2, RFC 8414 §3.2).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserInfoEndpoint      string   `json:"userinfo_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitempty"`
	ClientDocuments       bool     `json:"client_id_metadata_document_supported,omitempty"` // Client ID Metadata Document §6
	Resources             []string `json:"protected_resources,omitempty"`
	PushedEndpoint        string   `json:"pushed_authorization_request_endpoint"`
	RequirePushed         bool     `json:"require_pushed_authorization_requests,omitempty"`
	DeviceEndpoint        string   `json:"device_authorization_endpoint"`
	CIBAEndpoint          string   `json:"backchannel_authentication_endpoint"`
	CIBAModes             []string `json:"backchannel_token_delivery_modes_supported"`
	CIBARequestAlgs       []string `json:"backchannel_authentication_request_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	Claims                []string `json:"claims_supported"`
	ClaimTypes            []string `json:"claim_types_supported"`
	ACRValues             []string `json:"acr_values_supported,omitempty"` // RFC 9470 §7
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	SubjectTypes          []string `json:"subject_types_supported"`
	IDTokenAlgs           []string `json:"id_token_signing_alg_values_supported"`
	IDTokenEncAlgs        []string `json:"id_token_encryption_alg_values_supported"`
	IDTokenEncs           []string `json:"id_token_encryption_enc_values_supported"`
	UserInfoAlgs          []string `json:"userinfo_signing_alg_values_supported"`
	UserInfoEncAlgs       []string `json:"userinfo_encryption_alg_values_supported"`
	UserInfoEncs          []string `json:"userinfo_encryption_enc_values_supported"`
	IntrospectionAlgs     []string `json:"introspection_signing_alg_values_supported"` // RFC 9701 §7
	IntrospectionEncAlgs  []string `json:"introspection_encryption_alg_values_supported"`
	IntrospectionEncs     []string `json:"introspection_encryption_enc_values_supported"`
	AnswerAlgs            []string `json:"authorization_signing_alg_values_supported"`
	AnswerEncAlgs         []string `json:"authorization_encryption_alg_values_supported"`
	AnswerEncs            []string `json:"authorization_encryption_enc_values_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionMethods  []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAuthAlgs []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationMethods     []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	DPoPAlgs              []string `json:"dpop_signing_alg_values_supported"`                    // RFC 9449 §5.1
	CertificateBound      bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705 §3.3
	Prompts               []string `json:"prompt_values_supported"`
	Displays              []string `json:"display_values_supported"`
	UILocales             []string `json:"ui_locales_supported,omitempty"`
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"`
	RequestURIRegistered  bool     `json:"require_request_uri_registration"`
	RequestObjectAlgs     []string `json:"request_object_signing_alg_values_supported"`
	RequestObjectKeyAlgs  []string `json:"request_object_encryption_alg_values_supported"`
	RequestObjectEncs     []string `json:"request_object_encryption_enc_values_supported"`
	IssParameter          bool     `json:"authorization_response_iss_parameter_supported"`
	DetailsTypes          []string `json:"authorization_details_types_supported,omitempty"` // RFC 9396 §10
	logoutMetadata
	mtlsMetadata
}

// discovery prepares the document: while the server runs nothing in it changes but the names that operators give.
func (p *Provider) discovery(n named) (document, error) {
	methods, algs := p.authMethods(), assertionAlgs()
	m := metadata{
		Issuer:                p.Issuer, // RFC 8414 §3.3: to the letter what the address was made of
		AuthorizationEndpoint: p.Issuer + pathAuthorize,
		TokenEndpoint:         p.Issuer + pathToken,
		UserInfoEndpoint:      p.Issuer + pathUserInfo,
		JWKSURI:               p.Issuer + pathJWKS,
		IntrospectionEndpoint: p.Issuer + pathIntrospect,
		RevocationEndpoint:    p.Issuer + pathRevoke,
		EndSessionEndpoint:    p.Issuer + pathLogout,
		logoutMetadata:        p.logoutSupported(),
		PushedEndpoint:        p.Issuer + pathPAR,
		RequirePushed:         p.RequirePushed,       // RFC 9126 §5
		DeviceEndpoint:        p.Issuer + pathDevice, // RFC 8628 §4
		CIBAEndpoint:          p.Issuer + pathCIBA,   // CIBA §4; backchannel_user_code_parameter_supported is false where it is left out
		CIBAModes:             idp.SupportedDeliveryModes(),
		CIBARequestAlgs:       idp.SupportedSigningAlgs(),
		Scopes: []string{
			idp.ScopeOpenID, idp.ScopeProfile, idp.ScopeEmail, idp.ScopeAddress, idp.ScopePhone, idp.ScopeOfflineAccess, idp.ScopeRoles,
		},
		Claims:                claims.Supported(),
		ClaimTypes:            []string{"normal"},
		ACRValues:             p.Contexts.Values(),
		ResponseTypes:         idp.SupportedResponseTypes(),
		ResponseModes:         idp.SupportedResponseModes(),
		GrantTypes:            append(p.grantTypes(), idp.GrantImplicit),
		SubjectTypes:          idp.SupportedSubjectTypes(),
		IDTokenAlgs:           idp.SupportedSigningAlgs(),
		IDTokenEncAlgs:        idp.SupportedEncryptionAlgs(),
		IDTokenEncs:           idp.SupportedEncryptionEncs(),
		UserInfoAlgs:          idp.SupportedSigningAlgs(),
		UserInfoEncAlgs:       idp.SupportedEncryptionAlgs(),
		UserInfoEncs:          idp.SupportedEncryptionEncs(),
		IntrospectionAlgs:     idp.SupportedSigningAlgs(),
		IntrospectionEncAlgs:  idp.SupportedEncryptionAlgs(),
		IntrospectionEncs:     idp.SupportedEncryptionEncs(),
		AnswerAlgs:            idp.SupportedSigningAlgs(), // JARM §4
		AnswerEncAlgs:         idp.SupportedEncryptionAlgs(),
		AnswerEncs:            idp.SupportedEncryptionEncs(),
		TokenAuthMethods:      append(methods, idp.AuthNone),
		TokenAuthAlgs:         algs,
		IntrospectionMethods:  methods,
		IntrospectionAuthAlgs: algs,
		RevocationMethods:     append(methods, idp.AuthNone),
		RevocationAuthAlgs:    algs,
		ChallengeMethods:      []string{idp.ChallengeS256},
		DPoPAlgs:              idp.DPoPAlgorithms(),
		CertificateBound:      p.MTLS.Accepted,
		Prompts:               interaction.Prompts(p.MayRegister), // Prompt Create §4.2
		Displays:              []string{"page"},
		UILocales:             p.UILocales,
		ClaimsParameter:       true,
		RequestParameter:      true,
		RequestURIParameter:   true,
		RequestURIRegistered:  true,
		// Without none: Client Registration §2 lets a client that registered no algorithm use any of the list, and unsigned ones are taken only
		// of clients that are registered for them, or from an address that one registered.
		RequestObjectAlgs:    idp.SupportedSigningAlgs(),
		RequestObjectKeyAlgs: idp.SupportedEncryptionAlgs(),
		RequestObjectEncs:    idp.SupportedEncryptionEncs(),
		IssParameter:         true,
	}
	m.ClientDocuments, m.Resources, m.DetailsTypes = p.Documents != nil, n.resources, n.detailsTypes
	if p.Registration != nil {
		m.RegistrationEndpoint = p.Issuer + pathRegister
	}
	m.MTLSAliases = p.aliases(&m)
	body, err := json.Marshal(m)
	if err != nil {
		return document{}, fmt.Errorf("encode discovery: %w", err)
	}
	sum := sha256.Sum256(body)
	return document{body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}, nil
}

// authMethods lists the ways in which a confidential client may prove itself here. Those by certificate are left out where none can arrive.
func (p *Provider) authMethods() []string {
	var out []string
	for _, method := range idp.SupportedAuthMethods() {
		switch {
		case method == idp.AuthNone, method == idp.AuthSelfSignedTLSClient && !p.MTLS.Accepted, method == idp.AuthTLSClient && (!p.MTLS.Accepted || p.MTLS.Roots == nil):
		default:
			out = append(out, method)
		}
	}
	return slices.Clip(out)
}

// assertionAlgs lists the algorithms of client assertions (RFC 8414 §2: never none).
func assertionAlgs() []string {
	return append(idp.AssertionAlgs(idp.AuthPrivateKeyJWT), idp.AssertionAlgs(idp.AuthClientSecretJWT)...)
}

// Discovery serves the metadata (OpenID Connect Discovery §4, RFC 8414 §3).
func (p *Provider) Discovery(w http.ResponseWriter, r *http.Request) {
	meta := p.meta.Load()
	servePrepared(w, r, meta.body, meta.etag, "public, max-age=3600")
}

// JWKS serves the public keys. Relying parties may keep them for five minutes, which is far less than a key is published before it
// signs.
func (p *Provider) JWKS(w http.ResponseWriter, r *http.Request) {
	body, etag := p.Keys.JWKS()
	servePrepared(w, r, body, etag, "public, max-age=300")
}

func servePrepared(w http.ResponseWriter, r *http.Request, body []byte, etag, cache string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		methodNotAllowed(w, http.MethodGet)
		return
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Etag"] = []string{etag}
	h["Cache-Control"] = []string{cache}
	h["X-Content-Type-Options"] = nosniff
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))} // else net/http sends what is over 2 KB in chunks
	_, _ = w.Write(body)                                    // the client is gone if this fails
}

var (
	jsonType = []string{idp.MediaJSON}
	nosniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	noCache  = []string{"no-cache"}
)
