package ui

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// The policies of a page: nothing inline, nothing from elsewhere but the one logo of the application that the page speaks of (withLogo), and no frame around it (RFC 6749 §10.13,
// RFC 9700 §4.16).
const (
	policyFormPost = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
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

// withLogo lets a page show the logo of the application that it speaks of, from its one address and no other (ADR 8). The policy has no room for a
// query, which browsers leave out when they compare.
func withLogo(policy string, v View) string {
	client := reflect.Indirect(reflect.ValueOf(v)).FieldByName("Client")
	if !client.IsValid() {
		return policy
	}
	c, ok := client.Interface().(*Client)
	if !ok || c == nil || c.LogoURL == "" {
		return policy
	}
	u, err := url.Parse(c.LogoURL)
	if err != nil || u.Host == "" {
		return policy
	}
	// A semicolon or a comma would end the directive, and the application would write the rest of the policy.
	path := strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27", " ", "%20").Replace(u.EscapedPath())
	return strings.Replace(policy, "img-src 'self'", "img-src 'self' "+u.Scheme+"://"+u.Host+path, 1)
}
