package registration

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"idp/internal/idp"
)

// names are the members of the registry "OAuth Dynamic Client Registration Metadata" that an application may say of itself. Of these, the ones that
// idp.Client has a field for are read, kept and told again; everything else is ignored (RFC 7591 §2).
func names() []string {
	return []string{
		"redirect_uris", "grant_types", "response_types", "client_name", "client_uri", "logo_uri", "contacts", "tos_uri", "policy_uri", "jwks_uri", "jwks",
		"software_id", "software_version",
		"application_type", "sector_identifier_uri", "subject_type", "id_token_encrypted_response_alg", "id_token_encrypted_response_enc",
		"userinfo_signed_response_alg", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc", "request_object_signing_alg",
		"request_object_encryption_alg", "request_object_encryption_enc", "token_endpoint_auth_signing_alg", "default_max_age", "require_auth_time",
		"default_acr_values", "initiate_login_uri", "request_uris",
		"post_logout_redirect_uris", "frontchannel_logout_uri", "frontchannel_logout_session_required", "backchannel_logout_uri", "backchannel_logout_session_required",
		"tls_client_certificate_bound_access_tokens", "tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip",
		"tls_client_auth_san_email", "dpop_bound_access_tokens", "require_signed_request_object", "require_pushed_authorization_requests", "authorization_details_types",
		"response_modes", "authorization_signed_response_alg", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
		"introspection_signed_response_alg", "introspection_encrypted_response_alg", "introspection_encrypted_response_enc",
		"backchannel_token_delivery_mode", "backchannel_client_notification_endpoint", "backchannel_authentication_request_signing_alg", "backchannel_user_code_parameter",
	}
}

// Members that are kept in another shape.
const (
	memberAuthMethod = "token_endpoint_auth_method"
	memberScope      = "scope"
	memberIDTokenAlg = "id_token_signed_response_alg"
	memberStatement  = "software_statement"
)

// fieldsOf returns the fields of a client that an application may say, by their member's name.
func fieldsOf(c *idp.Client) map[string]reflect.Value {
	wanted := names()
	fields := map[string]reflect.Value{}
	var collect func(v reflect.Value)
	collect = func(v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				collect(v.Field(i))
			case slices.Contains(wanted, name):
				fields[name] = v.Field(i)
			}
		}
	}
	collect(reflect.ValueOf(c).Elem())
	return fields
}

// read writes what members say onto a client in the place of what it said before, and what they leave out as RFC 7591 §2 and OpenID Connect Dynamic
// Client Registration 1.0 §2 have it. What only an operator may say stays.
func read(members map[string]json.RawMessage, c *idp.Client) error {
	c.Scopes, c.Localized = nil, nil
	for name, field := range fieldsOf(c) {
		field.SetZero()
		if raw, said := members[name]; said {
			if err := json.Unmarshal(raw, field.Addr().Interface()); err != nil {
				return wrong(name, "The member %s has a value of the wrong type.", name)
			}
		}
	}
	var method, scope, alg string
	for name, into := range map[string]*string{memberAuthMethod: &method, memberScope: &scope, memberIDTokenAlg: &alg} {
		if raw, said := members[name]; said {
			if err := json.Unmarshal(raw, into); err != nil {
				return wrong(name, "The member %s is a text.", name)
			}
		}
	}
	if method == "" {
		method = idp.AuthClientSecretBasic // RFC 7591 §2
	}
	c.AuthMethods = []string{method}
	// OpenID Connect Dynamic Client Registration 1.0 §2: of use for the two methods that sign; libraries say it beside any.
	if signs := slices.Concat(idp.AssertionAlgs(idp.AuthPrivateKeyJWT), idp.AssertionAlgs(idp.AuthClientSecretJWT)); idp.AssertionAlgs(method) == nil && slices.Contains(signs, c.AuthSigningAlg) {
		c.AuthSigningAlg = ""
	}
	if alg != "" {
		c.Contract.IDTokenAlg = alg
	}
	if _, said := members[memberScope]; said {
		c.Scopes = slices.Compact(slices.Sorted(strings.FieldsSeq(scope)))
	}
	// RFC 7591 §2.2: names and links in other languages.
	for member, raw := range members {
		if name, language, tagged := strings.Cut(member, "#"); tagged && slices.Contains([]string{"client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"}, name) && language != "" {
			var value string
			if err := json.Unmarshal(raw, &value); err != nil {
				return wrong(name, "The member %s is a text.", member)
			}
			if c.Localized == nil {
				c.Localized = map[string]string{}
			}
			c.Localized[member] = value
		}
	}
	defaults(c)
	return nil
}

// defaults fills what an application left out. They are the specification's, not those of an operator's client.
func defaults(c *idp.Client) {
	if c.ApplicationType == "" {
		c.ApplicationType = idp.ApplicationWeb
		if slices.ContainsFunc(c.RedirectURIs, ownScheme) {
			// Every native application that says nothing of itself would be refused for it.
			c.ApplicationType = idp.ApplicationNative
		}
	}
	if c.ResponseTypes == nil && (c.GrantTypes == nil || slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode)) {
		c.ResponseTypes = []string{idp.ResponseTypeCode}
	}
	if c.GrantTypes == nil {
		c.GrantTypes = grantsFor(c.ResponseTypes)
	}
	if c.Public() && slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		c.RequirePKCE = true
	}
}

func ownScheme(uri string) bool {
	scheme, _, _ := strings.Cut(uri, ":")
	return scheme != "https" && scheme != "http" && strings.Contains(scheme, ".")
}

// grantsFor returns the grants that response types need (OpenID Connect Dynamic Client Registration 1.0 §2).
func grantsFor(types []string) []string {
	var grants []string
	for _, t := range types {
		for word := range strings.FieldsSeq(t) {
			need := ""
			switch word {
			case "code":
				need = idp.GrantAuthorizationCode
			case "id_token", "token":
				need = "implicit"
			}
			if need != "" && !slices.Contains(grants, need) {
				grants = append(grants, need)
			}
		}
	}
	return grants
}

// show returns what is told of a client: every member that it has, under the registered names (RFC 7591 §3.2.1).
func show(c *idp.Client) map[string]any {
	out := map[string]any{}
	for name, field := range fieldsOf(c) {
		if !field.IsZero() {
			out[name] = field.Interface()
		}
	}
	if len(c.AuthMethods) > 0 {
		out[memberAuthMethod] = c.AuthMethods[0]
	}
	if len(c.Scopes) > 0 {
		out[memberScope] = strings.Join(c.Scopes, " ")
	}
	if slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) || slices.Contains(c.GrantTypes, "implicit") {
		out[memberIDTokenAlg] = c.Contract.IDTokenAlg
	}
	for member, value := range c.Localized {
		out[member] = value
	}
	if c.SoftwareStatement != "" {
		out[memberStatement] = c.SoftwareStatement
	}
	return out
}

func wrong(field, format string, args ...any) *idp.Error {
	return &idp.Error{Kind: idp.Invalid, Code: idp.CodeInvalidClientMetadata, Field: field, Message: fmt.Sprintf(format, args...)}
}

// refusal turns the faults of a registration into the one error that the answer has room for (RFC 7591 §3.2.2, Client Registration §3.3).
func refusal(err error) error {
	if err == nil {
		return nil
	}
	faults := idp.Faults(err)
	if len(faults) == 0 {
		return err
	}
	first := *faults[0]
	if first.Kind != idp.Invalid {
		return err
	}
	switch {
	case slices.Contains([]string{idp.CodeInvalidSoftwareStatement, idp.CodeUnapprovedSoftwareStatement}, first.Code):
	case first.Code == "sector_identifier_invalid": // OpenID Connect Dynamic Client Registration 1.0 §5
		first.Code = idp.CodeInvalidClientMetadata
	case first.Code == idp.CodeRedirectURI || strings.HasPrefix(first.Field, "redirect_uris"):
		first.Code = idp.CodeInvalidRedirectURI
	default:
		first.Code = idp.CodeInvalidClientMetadata
	}
	if len(faults) > 1 {
		first.Message += fmt.Sprintf(" (And %d more.)", len(faults)-1)
	}
	return &first
}
