package oauth

import "strings"

// mtlsMetadata is what discovery says about clients with certificates.
type mtlsMetadata struct {
	MTLSAliases map[string]string `json:"mtls_endpoint_aliases,omitempty"` // RFC 8705 §5
}

// aliases are the endpoints once more, at the address for clients with certificates: the same paths at another host.
func (p *Provider) aliases(m *metadata) map[string]string {
	if p.MTLS.Origin == "" {
		return nil
	}
	out := map[string]string{}
	for name, address := range map[string]string{
		"token_endpoint": m.TokenEndpoint, "revocation_endpoint": m.RevocationEndpoint, "introspection_endpoint": m.IntrospectionEndpoint,
		"userinfo_endpoint": m.UserInfoEndpoint, "pushed_authorization_request_endpoint": m.PushedEndpoint,
		"device_authorization_endpoint": m.DeviceEndpoint, "backchannel_authentication_endpoint": m.CIBAEndpoint,
	} {
		out[name] = p.MTLS.Origin + p.base + strings.TrimPrefix(address, p.Issuer)
	}
	return out
}
