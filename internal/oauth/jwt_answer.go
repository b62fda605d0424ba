package oauth

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/oauth/claims"
)

const (
	typeIntrospection = "application/token-introspection+jwt" // RFC 9701 §5
)

// writeUserInfo answers as the client is registered for it: as JSON, or as a JWT whatever it accepts (OpenID Connect Core §5.3.2).
func (p *Provider) writeUserInfo(w http.ResponseWriter, r *http.Request, c *idp.Client, set claims.Set) {
	if c.UserInfoSignedAlg == "" && c.UserInfoEncryptedAlg == "" {
		writeJSON(w, http.StatusOK, set)
		return
	}
	text, err := p.minter.UserInfo(r.Context(), c, set)
	if err != nil {
		p.answerBearerError(w, r, err)
		return
	}
	writeJWT(w, idp.MediaJWT, text)
}

// writeIntrospection answers as JSON, or as a JWT where the resource server asks for one (RFC 9701 §4). One that is registered for
// encryption is told nothing in clear (RFC 9701 §8.2).
func (p *Provider) writeIntrospection(w http.ResponseWriter, r *http.Request, caller *idp.Client, answer introspection, now time.Time) {
	if caller.IntrospectionEncryptedAlg == "" && !accepts(r.Header.Values("Accept"), typeIntrospection) {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	text, err := p.minter.Introspection(r.Context(), caller, answer, now)
	if err != nil {
		p.answerError(w, r, err, "")
		return
	}
	writeJWT(w, typeIntrospection, text)
}

// accepts reports whether a media type is asked for by its name, at least as much as JSON is. A wildcard gets what everybody gets.
func accepts(headers []string, want string) bool {
	wanted, plain := 0.0, 0.0
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			name, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, has := params["q"]; has {
				if weight, err = strconv.ParseFloat(q, 64); err != nil {
					continue
				}
			}
			switch name {
			case want:
				wanted = max(wanted, weight)
			case idp.MediaJSON:
				plain = max(plain, weight)
			}
		}
	}
	return wanted > 0 && wanted >= plain
}

// writeJWT writes an answer that nobody may keep.
func writeJWT(w http.ResponseWriter, mediaType, text string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(text)) // the client is gone if this fails
}
