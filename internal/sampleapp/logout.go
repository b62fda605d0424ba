package sampleapp

import "net/url"

// logoutQuery is what RP-Initiated Logout 1.0 §2 asks for.
func logoutQuery(idToken, back string) string {
	q := url.Values{}
	if idToken != "" {
		q.Set("id_token_hint", idToken)
		q.Set("post_logout_redirect_uri", back)
	}
	return q.Encode()
}
