package idp

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
)

func TestValidate_AuthenticationHasWhatItsMethodNeeds(t *testing.T) { // RFC 8705 §2.1.2, OpenID Connect Dynamic Client Registration §2
	t.Parallel()
	key := ClientKeys{JWKS: []byte(`{"keys":[{` + ecPoint + `}]}`)}
	for name, c := range map[string]struct {
		client Client
		field  string
	}{
		"keys":             {Client{AuthMethods: []string{AuthPrivateKeyJWT}, ClientKeys: key}, ""},
		"no keys":          {Client{AuthMethods: []string{AuthPrivateKeyJWT}}, "jwks"},
		"no certificate":   {Client{AuthMethods: []string{AuthSelfSignedTLSClient}}, "jwks"},
		"an alg":           {Client{AuthMethods: []string{AuthPrivateKeyJWT}, ClientKeys: key, ClientAuthentication: ClientAuthentication{AuthSigningAlg: "PS256"}}, ""},
		"none":             {Client{AuthMethods: []string{AuthPrivateKeyJWT}, ClientKeys: key, ClientAuthentication: ClientAuthentication{AuthSigningAlg: "none"}}, "token_endpoint_auth_signing_alg"},
		"HMAC by key":      {Client{AuthMethods: []string{AuthPrivateKeyJWT}, ClientKeys: key, ClientAuthentication: ClientAuthentication{AuthSigningAlg: "HS256"}}, "token_endpoint_auth_signing_alg"},
		"alg of nothing":   {Client{AuthMethods: []string{AuthClientSecretBasic}, ClientAuthentication: ClientAuthentication{AuthSigningAlg: "PS256"}}, "token_endpoint_auth_signing_alg"},
		"an audience":      {Client{AuthMethods: []string{AuthPrivateKeyJWT}, ClientKeys: key, ClientAuthentication: ClientAuthentication{AssertionAudience: "all"}}, "client_assertion_audience"},
		"a name":           {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANDNS: "app.example"}}, ""},
		"no name":          {Client{AuthMethods: []string{AuthTLSClient}}, "tls_client_auth_subject_dn"},
		"two names":        {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANDNS: "app.example", TLSSANIP: "192.0.2.1"}}, "tls_client_auth_subject_dn"},
		"a name for none":  {Client{AuthMethods: []string{AuthClientSecretBasic}, ClientAuthentication: ClientAuthentication{TLSSANDNS: "app.example"}}, "tls_client_auth_subject_dn"},
		"no address":       {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANIP: "app.example"}}, "tls_client_auth_san_ip"},
		"no subject":       {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSubjectDN: "app"}}, "tls_client_auth_subject_dn"},
		"no URI":           {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANURI: "app"}}, "tls_client_auth_san_uri"},
		"no e-mail":        {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANEmail: "app"}}, "tls_client_auth_san_email"},
		"no name of hosts": {Client{AuthMethods: []string{AuthTLSClient}, ClientAuthentication: ClientAuthentication{TLSSANDNS: "a b"}}, "tls_client_auth_san_dns"},
	} {
		f := &faults{}
		c.client.checkAuthentication(f)
		got := ""
		if len(f.list) > 0 {
			got = Faults(f.list[0])[0].Field
		}
		if got != c.field || len(f.list) > 1 {
			t.Errorf("%s: got faults %v, want one of %q", name, f.list, c.field)
		}
	}
}

func TestDistinguishedName_ComparesWhatRFC4514Writes(t *testing.T) { // RFC 4514 §2, §3
	t.Parallel()
	cert := pkix.RDNSequence{
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "DE"}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Example, Inc."}},
		{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "app"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "Ünit"}},
	}
	raw, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SubjectOf(raw)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`CN=app+OU=Ünit,O=Example\, Inc.,C=DE`:                            true,
		`OU=Ünit+CN=app, O=Example\2c Inc. , c=DE`:                        true,
		`2.5.4.3=app+OU=\C3\9Cnit,O=#0C0D4578616D706C652C20496E632E,C=DE`: true,
		`C=DE,O=Example\, Inc.,CN=app+OU=Ünit`:                            false, // the other way round
		`CN=App+OU=Ünit,O=Example\, Inc.,C=DE`:                            false,
		`CN=app,OU=Ünit,O=Example\, Inc.,C=DE`:                            false,
		`CN=app+OU=Ünit,O=Example\, Inc.`:                                 false,
	} {
		dn, err := ParseDistinguishedName(text)
		if err != nil || dn.Equal(got) != want {
			t.Errorf("%s: got %v, %v against %v, want equal %v", text, dn, err, got, want)
		}
	}
	for _, text := range []string{"", "app", "=app", "CN", "CN=a,", "CN=a,b", `CN="a"`, `CN=a\`, `CN=a\g0`, "CN=#zz", "CN=a;O=b", "XX=a", "1..2=a", "CN=#0500"} {
		if dn, err := ParseDistinguishedName(text); err == nil {
			t.Errorf("%q: got %v, want it refused", text, dn)
		}
	}
	if (DistinguishedName{}).Equal(DistinguishedName{}) {
		t.Error("an empty subject equals itself, and would be anybody's")
	}
}

func FuzzParseDistinguishedName(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		dn, err := ParseDistinguishedName(text)
		if err == nil && (len(dn) == 0 || slices.ContainsFunc(dn, func(rdn []string) bool { return len(rdn) == 0 })) {
			t.Errorf("%q: got %v", text, dn)
		}
	})
}
