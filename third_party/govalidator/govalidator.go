// Package govalidator is a stand-in for the one function of it that fosite calls; see README.md.
package govalidator

import "net/url"

// IsRequestURL reports whether a text is an absolute URL, as it may stand in a request.
func IsRequestURL(text string) bool {
	u, err := url.ParseRequestURI(text)
	return err == nil && u.Scheme != ""
}
