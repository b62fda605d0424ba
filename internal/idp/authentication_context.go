package idp

import (
	"fmt"
	"slices"
	"strings"
)

// MethodPassword is the amr of a sign-in with a password (RFC 8176 §2).
const MethodPassword = "pwd"

// SignInMethods lists the methods, as amr says them, that this server itself can see somebody use.
func SignInMethods() []string { return []string{MethodPassword} }

// MaxAuthenticationContexts bounds how many contexts there are, here and in the settings of one provider.
const MaxAuthenticationContexts = 16

// AuthenticationContext is a kind of sign-in that this server vouches for by a name (OpenID Connect Core §2: acr).
type AuthenticationContext struct {
	ACR string
	AMR []string // the methods that a sign-in here must have used, all of them; with none, only an upstream can vouch for it
}

// AuthenticationContexts are an operator's, weakest first. What a session proved is kept as it was: its methods, and the contexts that an upstream
// vouched for. What that is called follows from these, so that a session never claims what the operator does not say any more.
type AuthenticationContexts []AuthenticationContext

// ParseAuthenticationContext reads a context from a setting: its acr, and after an equals sign the methods, with a plus between them. The error says what
// to write instead.
func ParseAuthenticationContext(text string) (AuthenticationContext, error) {
	c := AuthenticationContext{ACR: text}
	if i := strings.LastIndexByte(text, '='); i >= 0 { // the last one: the acr is often an address
		c.ACR = text[:i]
		if methods := text[i+1:]; methods != "" {
			c.AMR = strings.Split(methods, "+")
		}
	}
	switch {
	case !ValidACR(c.ACR):
		return c, fmt.Errorf("%.60q is no name of a context. Write an absolute URI or a registered word of at most %d bytes, without spaces and quotes, such as urn:example:gold", c.ACR, maxWord)
	case c.ACR == "0":
		// OpenID Connect Core §2: it stands for a sign-in that is not even worth the lowest level.
		return c, fmt.Errorf("the name \"0\" says that a sign-in is good for nothing. Write another one, such as urn:example:gold")
	}
	for _, method := range c.AMR {
		if !slices.Contains(SignInMethods(), method) {
			return c, fmt.Errorf("%.60q is no method of this server, so nobody could reach it. Write %s=%s, or %s alone where an upstream vouches for it", method, c.ACR, strings.Join(SignInMethods(), "+"), c.ACR)
		}
	}
	// OpenID Connect Core §2: a registered name must not mean anything else. phr and phrh are resistant to phishing (EAP ACR Values §4), and a password is not.
	if slices.Contains(c.AMR, MethodPassword) && (c.ACR == "phr" || c.ACR == "phrh") {
		return c, fmt.Errorf("%s is the registered name of sign-ins that cannot be phished, and a password can. Write %s alone, for an upstream to vouch for, or another name", c.ACR, c.ACR)
	}
	return c, nil
}

// ValidACR reports whether s may be the name of an authentication context: it travels as a word between spaces.
func ValidACR(s string) bool { return isScopeToken(s) }

// Values lists the names, weakest first.
func (l AuthenticationContexts) Values() []string {
	var out []string
	for _, c := range l {
		out = append(out, c.ACR)
	}
	return out
}

// Has reports whether there is a context of this name.
func (l AuthenticationContexts) Has(acr string) bool { return l.rank(acr) >= 0 }

// Known returns those of the names that there are, in the order in which they come, each once.
func (l AuthenticationContexts) Known(values []string) []string {
	var out []string
	for _, acr := range values {
		if l.Has(acr) && !slices.Contains(out, acr) {
			out = append(out, acr)
		}
	}
	return out
}

// Met lists the contexts, weakest first, that a sign-in satisfies which used these methods here and for which an upstream vouched so.
func (l AuthenticationContexts) Met(amr, vouched []string) []string {
	var out []string
	for i := range l {
		if l[i].met(amr, vouched) {
			out = append(out, l[i].ACR)
		}
	}
	return out
}

// Of returns what the acr of such a sign-in is: the first of the wishes that it satisfies, otherwise the strongest; empty if it satisfies none.
func (l AuthenticationContexts) Of(amr, vouched, wishes []string) string {
	for _, acr := range wishes {
		if i := l.rank(acr); i >= 0 && l[i].met(amr, vouched) {
			return acr
		}
	}
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].met(amr, vouched) {
			return l[i].ACR
		}
	}
	return ""
}

// Evidence returns what satisfies one of the contexts, as far as there are such: that an upstream vouched for it, or that all methods of a list were used.
func (l AuthenticationContexts) Evidence(wanted []string) (vouched []string, methods [][]string) {
	for _, acr := range wanted {
		i := l.rank(acr)
		if i < 0 {
			continue
		}
		vouched = append(vouched, acr)
		if len(l[i].AMR) > 0 {
			methods = append(methods, l[i].AMR)
		}
	}
	return vouched, methods
}

// Beyond reports whether a context is stronger than all of those.
func (l AuthenticationContexts) Beyond(acr string, met []string) bool {
	rank := l.rank(acr)
	return rank >= 0 && !slices.ContainsFunc(met, func(have string) bool { return l.rank(have) >= rank })
}

func (l AuthenticationContexts) rank(acr string) int {
	return slices.IndexFunc(l, func(c AuthenticationContext) bool { return c.ACR == acr })
}

// met: a context without methods is met by nobody's sign-in here.
func (c *AuthenticationContext) met(amr, vouched []string) bool {
	if slices.Contains(vouched, c.ACR) {
		return true
	}
	for _, method := range c.AMR {
		if !slices.Contains(amr, method) {
			return false
		}
	}
	return len(c.AMR) > 0
}

// Way is one by which people sign in here, and what a sign-in by it can prove.
type Way struct {
	ProviderID string   // empty for the password
	AMR        []string // the methods that it uses here
	Contexts   []string // for which the upstream may vouch
	Theirs     bool     // the person has it already; true where nobody is known
}

// Reaches reports whether a sign-in this way may satisfy one of the contexts.
func (w *Way) Reaches(l AuthenticationContexts, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(acr string) bool {
		i := l.rank(acr)
		return i >= 0 && l[i].met(w.AMR, w.Contexts)
	})
}

// Offered reports whether the way is any good to the person: a password that they do not have is not, while an upstream account can still be linked.
func (w *Way) Offered() bool { return w.Theirs || w.ProviderID != "" }
