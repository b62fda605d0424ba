package ui

import "net/http"

// The policies of a page: nothing inline, nothing from elsewhere but the logos of applications, and no frame around it (RFC 6749 §10.13,
// RFC 9700 §4.16).
const (
	policyFormPost = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'"
	policy = policyFormPost + "; form-action 'self'"
)

// SecurityHeaders returns the headers that every answer to a browser carries. Render sets them itself; handlers set them on
// what they answer without a page.
func SecurityHeaders() http.Header {
	return http.Header{
		"Content-Security-Policy":    {policy},
		"Referrer-Policy":            {"no-referrer"},
		"X-Content-Type-Options":     {"nosniff"},
		"X-Frame-Options":            {"DENY"},
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Permissions-Policy":         {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		"Cache-Control":              {"no-store"},
	}
}
