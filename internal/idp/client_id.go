package idp

import "strings"

const (
	maxClientID  = 128 // bytes
	maxClientURL = 512 // bytes of a client id that is an address; it stands in every token
)

// ValidClientID reports whether a client may have the id. RP-3: several libraries send it raw in HTTP Basic, so it may hold nothing that
// form encoding would change. It is also part of the API's paths, so it begins with a letter or digit. The other kind of id is the
// address of a document: IsClientURL.
func ValidClientID(id string) bool {
	if IsClientURL(id) {
		return true
	}
	if id == "" || len(id) > maxClientID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

// IsClientURL reports whether an id is the address of a Client ID Metadata Document
// (draft-ietf-oauth-client-id-metadata-document, Client ID Metadata Document §3): https, with a path, without fragment, user information or dot
// segments, in the one spelling that every reader reads alike. A query is refused too, which the draft leaves to us.
func IsClientURL(id string) bool {
	rest, found := strings.CutPrefix(id, "https://")
	if !found || len(id) > maxClientURL || strings.ContainsAny(id, "?#") {
		return false
	}
	slash := strings.IndexByte(rest, '/')
	return slash > 0 && redirectURIFault(id) == ""
}
