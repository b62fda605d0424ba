package protocol

// RFC 7516 and RFC 7518 §4.6, §5.3: what is encrypted to a client; OIDC Core §10.2, §5.3.2. The decryption is written on the standard
// library, so that the server's own library does not judge itself.

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"idp/e2e/server"
)

// unseal opens a JWE that was made by ECDH-ES with AES-GCM for the client sealed, and returns its header and what is inside.
func unseal(t testing.TB, jwe, enc string) (header map[string]any, content string) {
	t.Helper()
	parts := strings.Split(jwe, ".")
	if len(parts) != 5 || parts[1] != "" { // RFC 7518 §4.6: agreed on directly, so there is no encrypted key
		t.Fatalf("want a compact JWE of five parts without an encrypted key, got %.80s", jwe)
	}
	raw := make([][]byte, len(parts))
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	if err := json.Unmarshal(raw[0], &header); err != nil {
		t.Fatalf("the header: %v", err)
	}
	if header["alg"] != "ECDH-ES" || header["enc"] != enc || header["kid"] != "enc" || header["zip"] != nil {
		t.Fatalf("header %v, want ECDH-ES, %s, kid enc and no zip", header, enc)
	}
	epk, _ := header["epk"].(map[string]any)
	point := []byte{4}
	for _, name := range []string{"x", "y"} {
		text, _ := epk[name].(string)
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(b) != 32 {
			t.Fatalf("epk.%s has %d bytes: %v", name, len(b), err)
		}
		point = append(point, b...)
	}
	theirs, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := server.SealedKey().ECDH()
	if err != nil {
		t.Fatal(err)
	}
	z, err := ours.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 7518 §4.6.2: one round of the Concat KDF; PartyUInfo and PartyVInfo are empty.
	bits := uint32(128)
	if enc == "A256GCM" {
		bits = 256
	}
	in := binary.BigEndian.AppendUint32(nil, 1)
	in = append(in, z...)
	in = binary.BigEndian.AppendUint32(in, uint32(len(enc)))
	in = append(in, enc...)
	in = binary.BigEndian.AppendUint32(in, 0)
	in = binary.BigEndian.AppendUint32(in, 0)
	in = binary.BigEndian.AppendUint32(in, bits)
	key := sha256.Sum256(in)
	block, err := aes.NewCipher(key[:bits/8])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(parts[0]))
	if err != nil {
		t.Fatalf("it does not open: %v", err)
	}
	return header, string(plain)
}

func TestEncrypted_IDTokenAndUserInfoAreSignedInside(t *testing.T) { // OIDC Core §10.2, §5.3.2, §2
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Sealed(), "scope", "openid email")
	header, signed := unseal(t, in.id, "A256GCM")
	if header["cty"] != "JWT" {
		t.Errorf("cty = %v, want JWT: a signed one is inside (RFC 7519 §5.2)", header["cty"])
	}
	token := s.verify(t, signed)
	if token.claims["aud"] != "sealed" || token.claims["nonce"] != in.grant.nonce {
		t.Errorf("the ID token inside: %v", token.claims)
	}
	info := s.userInfo(t, in.access).want(200)
	if got := info.header.Get("Content-Type"); got != "application/jwt" {
		t.Errorf("UserInfo: Content-Type %q, want application/jwt", got)
	}
	_, signed = unseal(t, string(info.body), "A128GCM")
	if claims := s.verify(t, signed).claims; claims["sub"] != token.claims["sub"] || claims["iss"] != s.Issuer || claims["aud"] != "sealed" || claims["email"] == nil {
		t.Errorf("UserInfo inside: %v", claims)
	}
	// OIDC Core §3.1.2.1: as a hint it is sent decrypted.
	in.b.az(server.Sealed(), "prompt", "none", "id_token_hint", token.raw).wantCode()
	in.b.az(server.Sealed(), "prompt", "none", "id_token_hint", in.id).wantErr("invalid_request")
	// Signed UserInfo is no ID token, whoever sends it.
	in.b.az(server.Sealed(), "prompt", "none", "id_token_hint", signed).wantErr("invalid_request")
}

func TestUserInfo_MayBeASignedJWT(t *testing.T) { // OIDC Core §5.3.2, protocol.md §3.3
	t.Parallel()
	s := shared(t)
	in := s.signIn(t, server.Formats(), "scope", "openid email")
	info := s.userInfo(t, in.access).want(200)
	if got := info.header.Get("Content-Type"); got != "application/jwt" {
		t.Errorf("Content-Type %q, want application/jwt", got)
	}
	if got := info.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	token := s.verify(t, string(info.body))
	if token.header["alg"] != "PS256" || token.header["typ"] == "JWT" || token.header["typ"] == "at+jwt" {
		t.Errorf("header %v, want PS256, and the typ of no other token", token.header)
	}
	if c := token.claims; c["iss"] != s.Issuer || c["aud"] != "formats" || c["sub"] != s.verify(t, in.id).claims["sub"] || c["email"] != in.u.Email || c["nonce"] != nil {
		t.Errorf("claims %v", c)
	}
	s.userInfo(t, string(info.body)).want(401)
	s.introspect(t, server.Web(), string(info.body)).wantActive(false)
	in.b.az(server.Formats(), "prompt", "none", "id_token_hint", string(info.body)).wantErr("invalid_request")
	// Errors stay what they were.
	s.userInfo(t, "garbage").want(401)
}
