package idp

// How an authorization response travels (OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §2, JARM §2.3).
const (
	ModeQuery       = "query"
	ModeFragment    = "fragment"
	ModeFormPost    = "form_post"
	ModeJWT         = "jwt" // signed, and carried as the response type has it by default
	ModeQueryJWT    = "query.jwt"
	ModeFragmentJWT = "fragment.jwt"
	ModeFormPostJWT = "form_post.jwt"
)

// ResponseMode is a response mode taken apart: what carries the answer, and whether it is signed on the way.
type ResponseMode struct {
	Carrier string // ModeQuery, ModeFragment or ModeFormPost
	Signed  bool   // JARM
}

// ParseResponseMode reads a response_mode for a response type. Without one it is the type's own: the fragment where a token comes through the browser,
// and the query else (OAuth 2.0 Multiple Response Types §2.1, JARM §2.3.4).
func ParseResponseMode(word string, t ResponseType) (m ResponseMode, ok bool) {
	usual := ModeQuery
	if t.Front() {
		usual = ModeFragment
	}
	switch word {
	case "":
		return ResponseMode{usual, false}, true
	case ModeQuery, ModeFragment, ModeFormPost:
		return ResponseMode{word, false}, true
	case ModeJWT:
		return ResponseMode{usual, true}, true
	case ModeQueryJWT:
		return ResponseMode{ModeQuery, true}, true
	case ModeFragmentJWT:
		return ResponseMode{ModeFragment, true}, true
	case ModeFormPostJWT:
		return ResponseMode{ModeFormPost, true}, true
	}
	return ResponseMode{usual, false}, false
}

// SupportedResponseModes lists the response modes that a request may name.
func SupportedResponseModes() []string {
	return []string{ModeQuery, ModeFragment, ModeFormPost, ModeJWT, ModeQueryJWT, ModeFragmentJWT, ModeFormPostJWT}
}
