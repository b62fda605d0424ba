package idp

import (
	"slices"
	"testing"
)

func TestClientFormats_FaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Client)
		fields []string
	}{
		"nothing":               {func(*Client) {}, nil},
		"signed UserInfo":       {func(c *Client) { c.UserInfoSignedAlg = "PS256" }, nil},
		"unsigned UserInfo":     {func(c *Client) { c.UserInfoSignedAlg = "none" }, []string{"userinfo_signed_response_alg"}},
		"HMAC":                  {func(c *Client) { c.IntrospectionSignedAlg = "HS256" }, []string{"introspection_signed_response_alg"}},
		"may encrypt to us":     {func(c *Client) { c.RequestObjectEncryptionAlg = AlgRSAOAEP256 }, nil},
		"RSA1_5":                {func(c *Client) { c.RequestObjectEncryptionAlg = "RSA1_5" }, []string{"request_object_encryption_alg"}},
		"dir":                   {func(c *Client) { c.IDTokenEncryptedAlg = "dir" }, []string{"id_token_encrypted_response_alg"}},
		"enc alone":             {func(c *Client) { c.UserInfoEncryptedEnc = EncA128GCM }, []string{"userinfo_encrypted_response_enc"}},
		"enc that is not known": {func(c *Client) { c.RequestObjectEncryptionAlg, c.RequestObjectEncryptionEnc = AlgECDHES, "A192GCM" }, []string{"request_object_encryption_enc"}},
		"no key to encrypt to":  {func(c *Client) { c.UserInfoEncryptedAlg, c.JWKSURI = AlgECDHES, "" }, []string{"userinfo_encrypted_response_alg"}},
	} {
		c := webClient()
		c.JWKSURI = "https://app.example/jwks.json"
		tc.change(c)
		c.ApplyDefaults()
		if got := fieldsOf(c.Validate()); !slices.Equal(got, tc.fields) {
			t.Errorf("%s: got faults in %v, want %v", name, got, tc.fields)
		}
	}
}

func TestClientSubject_SectorIsCheckedAndFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Client)
		fields []string
		sector string
	}{
		"one host":       {func(*Client) {}, nil, "app.example"},
		"one host twice": {func(c *Client) { c.RedirectURIs = append(c.RedirectURIs, "https://app.example:8443/x") }, nil, "app.example"},
		"two hosts":      {func(c *Client) { c.RedirectURIs = append(c.RedirectURIs, "https://b.example/x") }, []string{"sector_identifier_uri"}, "app.example"},
		"own scheme":     {func(c *Client) { c.RedirectURIs = []string{"com.example.app:/cb"} }, []string{"sector_identifier_uri"}, ""},
		"a document": {func(c *Client) {
			c.RedirectURIs, c.SectorIdentifierURI = []string{"com.example.app:/cb", "https://b.example/x"}, "https://s.example/list.json"
		}, nil, "s.example"},
		"plain http":   {func(c *Client) { c.SectorIdentifierURI = "http://s.example/list.json" }, []string{"sector_identifier_uri"}, "s.example"},
		"a fragment":   {func(c *Client) { c.SectorIdentifierURI = "https://s.example/list.json#x" }, []string{"sector_identifier_uri"}, "s.example"},
		"no such type": {func(c *Client) { c.SubjectType = "secret" }, []string{"subject_type"}, "app.example"},
		"no redirect URI": {func(c *Client) {
			c.GrantTypes, c.ResponseTypes, c.RedirectURIs, c.Scopes = []string{GrantClientCredentials}, nil, nil, nil
		}, []string{"sector_identifier_uri"}, ""},
	} {
		c := webClient()
		c.SubjectType = SubjectPairwise
		tc.change(c)
		if got := fieldsOf(c.Validate()); !slices.Equal(got, tc.fields) || c.Sector() != tc.sector {
			t.Errorf("%s: got faults in %v and sector %q, want %v and %q", name, got, c.Sector(), tc.fields, tc.sector)
		}
	}
}
