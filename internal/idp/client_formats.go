package idp

import "slices"

// ClientFormats says in which form a client gets what this server says of people and tokens, and how it may encrypt what it sends: the metadata
// of OpenID Connect Dynamic Client Registration §2 and RFC 9701 §6. The algorithms of its ID and access tokens are in its Contract.
type ClientFormats struct {
	IDTokenEncryptedAlg string `json:"id_token_encrypted_response_alg,omitempty" doc:"Encrypt ID tokens with its key for RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW"`
	IDTokenEncryptedEnc string `json:"id_token_encrypted_response_enc,omitempty" doc:"A128CBC-HS256 (without it), A256CBC-HS512, A128GCM or A256GCM"`

	UserInfoSignedAlg    string `json:"userinfo_signed_response_alg,omitempty" doc:"UserInfo comes as a signed JWT, with this algorithm; without it as JSON"`
	UserInfoEncryptedAlg string `json:"userinfo_encrypted_response_alg,omitempty" doc:"Encrypt UserInfo, as for ID tokens"`
	UserInfoEncryptedEnc string `json:"userinfo_encrypted_response_enc,omitempty"`

	IntrospectionSignedAlg    string `json:"introspection_signed_response_alg,omitempty" doc:"Algorithm of introspection answers, where it asks for JWTs; RS256 without it"`
	IntrospectionEncryptedAlg string `json:"introspection_encrypted_response_alg,omitempty" doc:"Encrypt introspection answers, which it then gets as JWTs only"`
	IntrospectionEncryptedEnc string `json:"introspection_encrypted_response_enc,omitempty"`

	AnswerEncryptedAlg string `json:"authorization_encrypted_response_alg,omitempty" doc:"Encrypt signed answers (response_mode jwt), as for ID tokens"`
	AnswerEncryptedEnc string `json:"authorization_encrypted_response_enc,omitempty"`

	RequestObjectEncryptionAlg string `json:"request_object_encryption_alg,omitempty" doc:"It may encrypt request objects, with the key that the JWKS has for this algorithm"`
	RequestObjectEncryptionEnc string `json:"request_object_encryption_enc,omitempty"`
}

// encryption is one pair of members: how a key is wrapped or agreed on, and how the content is encrypted.
type encryption struct {
	name     string // of both members, without _alg and _enc
	alg, enc *string
}

func (k *ClientFormats) encryptions() []encryption {
	return []encryption{
		{"id_token_encrypted_response", &k.IDTokenEncryptedAlg, &k.IDTokenEncryptedEnc},
		{"userinfo_encrypted_response", &k.UserInfoEncryptedAlg, &k.UserInfoEncryptedEnc},
		{"introspection_encrypted_response", &k.IntrospectionEncryptedAlg, &k.IntrospectionEncryptedEnc},
		{"authorization_encrypted_response", &k.AnswerEncryptedAlg, &k.AnswerEncryptedEnc},
		{"request_object_encryption", &k.RequestObjectEncryptionAlg, &k.RequestObjectEncryptionEnc},
	}
}

// applyDefaults writes out what OpenID Connect Dynamic Client Registration §2 says of an alg without enc.
func (k *ClientFormats) applyDefaults() {
	for _, e := range k.encryptions() {
		if *e.alg != "" && *e.enc == "" {
			*e.enc = DefaultEncMethod
		}
	}
}

func (c *Client) checkFormats(f *faults) {
	for _, word := range []struct{ field, have string }{
		{"userinfo_signed_response_alg", c.UserInfoSignedAlg},
		{"introspection_signed_response_alg", c.IntrospectionSignedAlg},
	} {
		if word.have != "" && !slices.Contains(SupportedSigningAlgs(), word.have) {
			f.add(word.field, "%s is not supported. Use %s, or leave it out.", quote(word.have), list(SupportedSigningAlgs()))
		}
	}
	for _, e := range c.encryptions() {
		switch {
		case *e.alg != "" && e.alg != &c.RequestObjectEncryptionAlg && !c.HasKeys():
			f.add(e.name+"_alg", "The client has no key to encrypt to. Register jwks or jwks_uri, or leave it out.")
		case *e.alg == "" && *e.enc != "":
			// OpenID Connect Dynamic Client Registration §2: when enc is included, alg MUST be too.
			f.add(e.name+"_enc", "There is no %s_alg beside it: without it nothing is encrypted. Name both, or neither.", e.name)
		case *e.alg == "":
			continue
		case !slices.Contains(SupportedEncryptionAlgs(), *e.alg):
			f.add(e.name+"_alg", "%s is not supported. Use %s.", quote(*e.alg), list(SupportedEncryptionAlgs()))
		}
		if *e.enc != "" && !slices.Contains(SupportedEncryptionEncs(), *e.enc) {
			f.add(e.name+"_enc", "%s is not supported. Use %s.", quote(*e.enc), list(SupportedEncryptionEncs()))
		}
	}
}

// KeyAlgs lists the algorithms that this server must have a key for to serve the client.
func (c *Client) KeyAlgs() []string {
	var algs []string
	for _, alg := range []string{
		c.Contract.IDTokenAlg, c.Contract.AccessTokenAlg, c.UserInfoSignedAlg, c.IntrospectionSignedAlg, c.SignedAnswerAlg, c.RequestObjectEncryptionAlg,
	} {
		if alg != "" && !slices.Contains(algs, alg) {
			algs = append(algs, alg)
		}
	}
	return algs
}
