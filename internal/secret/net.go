package secret

import "strings"

// Masked stands where a secret stood.
const Masked = "[redacted]"

// InName reports whether a value under this name can only be a secret. It is the second net of the log, the audit record and the traces; the first is that
// secrets have types that do not print, and that nobody writes them there. Names that merely resemble one (error_code, token_type) stay readable.
func InName(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	switch name {
	case "authorization", "proxy_authorization", "cookie", "cookies", "set_cookie", "code", "device_code", "user_code", "recovery_code", "otp", "totp",
		"token", "tokens", "id_token_hint", "secret", "secrets", "password", "passwords", "passphrase", "passwd", "pwd", "pin", "hash", "csrf",
		"assertion", "client_assertion", "saml_response", "code_verifier", "private_key", "keyring", "dsn", "database_url", "credential", "credentials",
		"form", "body", "raw_query", "query", "session_cookie", "nonce", "request_object", "api_key", "apikey":
		return true
	}
	for _, suffix := range []string{"_token", "_secret", "_password", "_cookie", "_private_key", "_passphrase", "_hash"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// InText reports whether a text holds one of our own tokens (idp_rt_…, followed by at least 20 characters), a JWS or JWE, or the hash of a password.
func InText(s string) bool { return ownToken(s) || compact(s) || passwordHash(s) }

func ownToken(s string) bool {
	for {
		i := strings.Index(s, "idp_")
		if i < 0 {
			return false
		}
		s = s[i+len("idp_"):]
		kind, body, ok := strings.Cut(s, "_")
		if ok && len(kind) >= 1 && len(kind) <= 4 && leading(body, isTokenByte) >= 20 {
			return true
		}
	}
}

// compact finds what begins with {" in base64url and goes on behind a dot.
func compact(s string) bool {
	for {
		i := strings.Index(s, "eyJ")
		if i < 0 {
			return false
		}
		s = s[i:]
		n := leading(s, isTokenByte)
		if n >= 10 && n+1 < len(s) && s[n] == '.' && leading(s[n+1:], isTokenByte) >= 7 {
			return true
		}
		s = s[max(n, 3):]
	}
}

// passwordHash finds the beginning of a hash in PHC or crypt form: $argon2id$, $2b$, $6$.
func passwordHash(s string) bool {
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			return false
		}
		s = s[i+1:]
		name, _, found := strings.Cut(s, "$")
		if !found {
			return false
		}
		switch {
		case strings.HasPrefix(name, "argon2"), strings.HasPrefix(name, "pbkdf2"), strings.HasPrefix(name, "bcrypt"), name == "scrypt", name == "firescrypt":
			return true
		case name == "1", name == "5", name == "6", name == "y", name == "2a", name == "2b", name == "2x", name == "2y":
			return true
		}
	}
}

// leading counts the first bytes of s that satisfy ok.
func leading(s string, ok func(byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
	}
	return n
}

func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
