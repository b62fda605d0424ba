package requestobject

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/outbound"
	"idp/internal/untrusted"
)

// Most is how long a request object may be.
const Most = 48 << 10

const (
	maxDepth = 16        // RFC 9396 details inside a list inside the object, with room
	maxLife  = time.Hour // between nbf and exp, and between nbf and now, where both are asked for
)

// Config is what a Reader needs.
type Config struct {
	Issuer     string
	ClientKeys *clientkeys.Keys
	Keys       *keys.Manager
	Outbound   *outbound.Client
}

// Reader reads request objects. Safe for concurrent use.
type Reader struct {
	Config
	fetched *outbound.Memory[string]
}

// New returns a reader that has fetched nothing.
func New(c Config) *Reader { return &Reader{Config: c, fetched: newMemory()} }

// Object is a request object that was found good.
type Object struct {
	Params url.Values
	Signed bool // by the client; an unsigned one is worth what parameters in the open are
}

// Fault says what is wrong with a request object or the address of one, for the client and for the trace.
type Fault struct {
	Code     string // an error of RFC 9101 §7
	Name     string // what was checked
	Expected string
	Received string
	Mend     string
	Clause   string
}

// Error is the sentence for the client.
func (f *Fault) Error() string {
	return "The request object is refused: " + f.Name + ". Expected " + f.Expected + ", received " + f.Received + "."
}

func bad(name, expected, received string) *Fault {
	return &Fault{Code: idp.CodeInvalidRequestObject, Name: name, Expected: expected, Received: received, Clause: "RFC 9101 §6"}
}

// Source says how a request object came.
type Source int

// The sources.
const (
	InRequest Source = iota // by value
	AtAddress               // fetched from an address that the client registered
)

// Open judges a request object of a client. The error is a *Fault, or the context's.
func (r *Reader) Open(ctx context.Context, c *idp.Client, text string, from Source, now time.Time) (*Object, error) {
	if !c.HasKeys() && c.RequestObjectSigningAlg == "" && from != AtAddress {
		// OpenID Connect Core §6.1: off unless the client is registered for it.
		return nil, &Fault{
			Code: idp.CodeRequestNotSupported, Name: "client may send request objects", Expected: "registered keys, or request_object_signing_alg none", Received: "neither",
			Mend: "Register the client's public keys: `idp client update " + c.ID + " --jwks-uri …`.", Clause: "OpenID Connect Core §6.1",
		}
	}
	if len(text) > Most {
		return nil, bad("its length", fmt.Sprintf("at most %d bytes", Most), "more")
	}
	// RFC 9101 §6.1: an encrypted one is decrypted first; inside is what was signed.
	if strings.Count(text, ".") == 4 {
		inner, err := r.decrypt(c, text)
		if err != nil {
			return nil, err
		}
		text = inner
	}
	if strings.Count(text, ".") != 2 {
		return nil, bad("its form", "a JWT of three parts, perhaps encrypted once", "something else")
	}
	payload, signed, err := r.verify(ctx, c, text, from)
	if err != nil {
		return nil, err
	}
	claims, fault := read(payload)
	if fault != nil {
		return nil, fault
	}
	// RFC 9101 §10.8, RFC 8725 §3.12: a back-channel request, or a hint token, is signed with the same key for the same server, and may have no typ.
	if signed && !claims.asksForAuthorization() {
		return nil, bad("its members", "client_id, response_type or redirect_uri among them", "none of these, as in a JWT for another endpoint")
	}
	if fault := r.judge(c, claims, now); fault != nil {
		return nil, fault
	}
	return &Object{Params: claims.params, Signed: signed}, nil
}

func (r *Reader) decrypt(c *idp.Client, text string) (string, error) {
	algs, encs := idp.SupportedEncryptionAlgs(), idp.SupportedEncryptionEncs()
	if c.RequestObjectEncryptionAlg != "" {
		algs = []string{c.RequestObjectEncryptionAlg}
	}
	if c.RequestObjectEncryptionEnc != "" {
		encs = []string{c.RequestObjectEncryptionEnc}
	}
	plain, err := r.Keys.DecryptWith(text, algs, encs)
	if err != nil {
		f := bad("it is encrypted to this server", "a JWE with "+strings.Join(algs, ", ")+" and a key of our JWKS", err.Error())
		f.Mend, f.Clause = "Encrypt with the key of the JWKS that has use enc, and name its kid.", "RFC 9101 §6.1"
		return "", f
	}
	return string(plain), nil
}

// verify returns the claims, and whether the client signed them.
func (r *Reader) verify(ctx context.Context, c *idp.Client, text string, from Source) (payload []byte, signed bool, err error) {
	// RFC 9101 §10.1, RFC 8725 §3.1: unsigned ones only of clients that are registered with none, and from them nothing else. OpenID Connect
	// Core §15.2: and from the very address that a client registered, if it named no algorithm: TLS says that it is the client's.
	if c.RequestObjectSigningAlg == idp.RequestObjectUnsigned || from == AtAddress && mayLeaveUnsigned(c) && saysUnsigned(text) {
		payload, err := unsigned(text)
		return payload, false, err
	}
	algs := c.Held(idp.SupportedSigningAlgs())
	if c.RequestObjectSigningAlg != "" {
		algs = []string{c.RequestObjectSigningAlg}
	}
	payload, header, err := r.ClientKeys.Verify(ctx, c, text, algs)
	if err != nil {
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		f := bad("its signature", "one of the client's own keys, with "+strings.Join(algs, ", "), err.Error())
		f.Mend, f.Clause = "Compare the application's signing key and algorithm with what is registered: `idp client get "+c.ID+"`.", "RFC 9101 §6.2"
		return nil, false, f
	}
	typ, _ := header.ExtraHeaders["typ"].(string)
	if fault := checkType(typ); fault != nil {
		return nil, false, fault
	}
	return payload, true, nil
}

// checkType keeps what a client signs for other ends apart: assertions, DPoP proofs, logout tokens (RFC 9101 §10.8, RFC 8725 §3.11).
func checkType(typ string) *Fault {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "oauth-authz-req+jwt", "jwt", "":
		return nil
	}
	return bad("its typ", "oauth-authz-req+jwt", fmt.Sprintf("%.40q", typ))
}

// mayLeaveUnsigned reports whether what the client may send as plain parameters it may keep at its address as they are (OpenID Connect Dynamic
// Client Registration §2: without request_object_signing_alg any algorithm, none included).
func mayLeaveUnsigned(c *idp.Client) bool {
	return c.RequestObjectSigningAlg == "" && !c.RequireSignedRequestObject && !c.FAPI()
}

func saysUnsigned(text string) bool {
	_, err := unsigned(text)
	return err == nil
}

// unsigned reads a JWT whose header says so (RFC 7519 §6.1): alg none, and no signature.
func unsigned(text string) ([]byte, error) {
	parts := strings.Split(text, ".")
	header, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	var h struct {
		Alg  string `json:"alg"`
		Typ  string `json:"typ"`
		Crit any    `json:"crit"`
	}
	if err == nil {
		err = untrusted.Decode(header, untrusted.Bounds{Bytes: 4 << 10, Depth: 4}, &h)
	}
	if err != nil || h.Alg != "none" || h.Crit != nil || parts[2] != "" {
		return nil, bad("its signature", "none at all, as the client is registered", "a signature, or a header that names one")
	}
	if fault := checkType(h.Typ); fault != nil {
		return nil, fault
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, bad("its form", "base64url", "something else")
	}
	return payload, nil
}

// judge checks what the object says about itself. Of a client that must sign, and so means its requests to be proof, every claim is demanded
// (FAPI 2.0 Message Signing §5.3.1); of others, what is there is right.
func (r *Reader) judge(c *idp.Client, o *object, now time.Time) *Fault {
	strict := c.RequireSignedRequestObject || c.FAPI()
	if inside := o.params.Get("client_id"); inside != c.ID && (inside != "" || strict) { // RFC 9101 §5
		return bad("client_id", c.ID, orNothing(inside))
	}
	// RFC 9101 §4: who signed is who asks; §10.8: meant for this server and no other.
	if o.Issuer != c.ID && (o.Issuer != "" || strict) {
		return bad("iss", c.ID, orNothing(o.Issuer))
	}
	if (len(o.Audience.List) > 0 || strict) && !slices.Contains(o.Audience.List, r.Issuer) {
		return bad("aud", r.Issuer, orNothing(strings.Join(o.Audience.List, " ")))
	}
	if o.Subject == c.ID { // RFC 9101 §10.8: this is a client assertion
		return bad("sub", "nothing, or a person", "the client itself")
	}
	if o.params.Has("request") || o.params.Has("request_uri") { // RFC 9101 §4
		return bad("its members", "no request and no request_uri", "one of them")
	}
	return o.checkTimes(strict, now)
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return fmt.Sprintf("%.80q", s)
}

// AsFault returns the fault in an error, or nil.
func AsFault(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}
