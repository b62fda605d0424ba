package idp

import "slices"

// ClientAnswers is how the answers to a client's authorization requests travel (JARM §3).
type ClientAnswers struct {
	ResponseModes   []string `json:"response_modes,omitempty" doc:"The only response modes that its requests may have; all of them without it"`
	SignedAnswerAlg string   `json:"authorization_signed_response_alg,omitempty" doc:"Algorithm of signed answers (response_mode jwt); RS256 without it"`
}

// checkAnswers checks how a client's answers travel.
func (c *Client) checkAnswers(f *faults) {
	checkWordsOf(f, "response_modes", c.ResponseModes, SupportedResponseModes())
	if c.SignedAnswerAlg != "" && !slices.Contains(SupportedSigningAlgs(), c.SignedAnswerAlg) {
		f.add("authorization_signed_response_alg", "%s is not supported. Use %s.", quote(c.SignedAnswerAlg), list(SupportedSigningAlgs()))
	}
	if len(c.ResponseModes) == 0 {
		return
	}
	for _, words := range c.ResponseTypes {
		t, ok := ParseResponseType(words)
		if ok && t.Front() && !slices.ContainsFunc(c.ResponseModes, func(word string) bool {
			mode, _ := ParseResponseMode(word, t)
			return mode.Carrier != ModeQuery
		}) {
			f.add("response_modes", "No response mode is left for the response type %q: a token may not travel in a query. Add %q.", words, ModeFragment)
		}
	}
}

// AnswerAlg returns the algorithm of signed answers (JARM §3: RS256 where none is registered).
func (c *Client) AnswerAlg() string {
	if c.SignedAnswerAlg == "" {
		return AlgRS256
	}
	return c.SignedAnswerAlg
}

// TakesMode reports whether the client's registration lets answers of a type travel like this. A client that says nothing takes them all.
func (c *Client) TakesMode(mode ResponseMode, t ResponseType) bool {
	return len(c.ResponseModes) == 0 || slices.ContainsFunc(c.ResponseModes, func(word string) bool {
		registered, ok := ParseResponseMode(word, t)
		return ok && registered == mode
	})
}

// FirstMode returns a mode that the client understands, for an error about the mode itself.
func (c *Client) FirstMode(t ResponseType) ResponseMode {
	usual, _ := ParseResponseMode("", t)
	if c.TakesMode(usual, t) {
		return usual
	}
	for _, word := range c.ResponseModes {
		if mode, ok := ParseResponseMode(word, t); ok && (mode.Carrier != ModeQuery || !t.Front()) {
			return mode
		}
	}
	return usual
}

// checkResponseTypes checks that response types and grant types fit each other (OpenID Connect Dynamic Client Registration §2: a code needs
// authorization_code, a token that comes through the browser needs implicit).
func (c *Client) checkResponseTypes(f *faults) {
	checkWordsOf(f, "response_types", c.ResponseTypes, SupportedResponseTypes())
	code, front := false, false
	for _, words := range c.ResponseTypes {
		if t, ok := ParseResponseType(words); ok {
			code, front = code || t.Code, front || t.Front()
		}
	}
	for _, pair := range []struct {
		grant string
		used  bool
		words string
	}{
		{GrantAuthorizationCode, code, ResponseTypeCode},
		{GrantImplicit, front, ResponseTypeIDToken},
	} {
		switch has := slices.Contains(c.GrantTypes, pair.grant); {
		case has && !pair.used:
			f.add("response_types", "The grant type %q needs a response type with %q in it.", pair.grant, pair.words)
		case !has && pair.used:
			f.add("response_types", "A response type with %q in it needs the grant type %q.", pair.words, pair.grant)
		}
	}
}

// MayAnswer reports whether the client is registered for a response type and for the grants behind it.
func (c *Client) MayAnswer(t ResponseType) bool {
	return slices.Contains(c.ResponseTypes, t.String()) &&
		(!t.Code || slices.Contains(c.GrantTypes, GrantAuthorizationCode)) && (!t.Front() || slices.Contains(c.GrantTypes, GrantImplicit))
}
