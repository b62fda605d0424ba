package idp

import "strings"

// ResponseType is what an authorization request wants from the authorization endpoint (OAuth 2.0 Multiple Response Types §3, §4, §5, OpenID
// Connect Core §3). The zero value is "none": yes or no, and nothing else.
type ResponseType struct{ Code, IDToken, Token bool }

// responseTypes are the canonical spellings by the bits of the members: code 1, id_token 2, token 4.
var responseTypes = [8]string{
	ResponseTypeNone, ResponseTypeCode, ResponseTypeIDToken, ResponseTypeCodeIDToken, "", ResponseTypeCodeToken, ResponseTypeIDTokenToken, ResponseTypeCodeIDTokenToken,
}

// ParseResponseType reads a response type, whose words may stand in any order (RFC 6749 §3.1.1, Multiple Response Types §5). "token" alone is not one of ours: nobody could tell
// for whom such a token was made (RFC 9700 §2.1.2).
func ParseResponseType(words string) (t ResponseType, ok bool) {
	if words == ResponseTypeNone {
		return t, true
	}
	for word := range strings.SplitSeq(words, " ") {
		var member *bool
		switch word {
		case "code":
			member = &t.Code
		case "id_token":
			member = &t.IDToken
		case "token":
			member = &t.Token
		}
		if member == nil || *member {
			return ResponseType{}, false
		}
		*member = true
	}
	return t, t != ResponseType{Token: true}
}

// String returns the canonical spelling.
func (t ResponseType) String() string {
	i := 0
	for bit, member := range [3]bool{t.Code, t.IDToken, t.Token} {
		if member {
			i |= 1 << bit
		}
	}
	return responseTypes[i]
}

// Front reports whether a token comes through the browser, so that the query, which ends in logs and referrers, is no place for the answer
// (OAuth 2.0 Multiple Response Types §5).
func (t ResponseType) Front() bool { return t.IDToken || t.Token }

// SupportedResponseTypes lists the response types that a client may be registered for.
func SupportedResponseTypes() []string {
	return []string{
		ResponseTypeCode, ResponseTypeIDToken, ResponseTypeIDTokenToken, ResponseTypeCodeIDToken, ResponseTypeCodeToken, ResponseTypeCodeIDTokenToken, ResponseTypeNone,
	}
}

// canonicalResponseTypes spells each response type as we compare it; what is none is left for the check to name.
func canonicalResponseTypes(list []string) []string {
	for i, words := range list {
		if t, ok := ParseResponseType(words); ok && t.String() != words {
			canonical := append([]string(nil), list...)
			for j := i; j < len(list); j++ {
				if t, ok := ParseResponseType(list[j]); ok {
					canonical[j] = t.String()
				}
			}
			return canonical
		}
	}
	return list
}
