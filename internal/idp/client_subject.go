package idp

import (
	"net/url"
	"slices"
	"strings"
)

// How a person is called towards a client (OpenID Connect Core §8).
const (
	SubjectPublic   = "public"   // by the id of the account, the same for every client
	SubjectPairwise = "pairwise" // by a name that clients of other sectors cannot connect with theirs
)

// SupportedSubjectTypes lists the ways in which people may be called.
func SupportedSubjectTypes() []string { return []string{SubjectPublic, SubjectPairwise} }

// ClientSubject says how people are called towards a client.
type ClientSubject struct {
	SubjectType         string `json:"subject_type,omitempty" doc:"public (without it): people have the same sub at every client; pairwise: another at each sector"`
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty" doc:"https address of a JSON list of the redirect URIs of all clients of the sector; needed where theirs have several hosts"`
}

// Pairwise reports whether people have a sub at this client that other sectors do not know.
func (c *Client) Pairwise() bool { return c.SubjectType == SubjectPairwise }

// Sector returns what a pairwise sub is computed for: the host of sector_identifier_uri, or else the one host of the redirect URIs
// (OpenID Connect Core §8.1). It is empty for a client that has neither.
func (c *Client) Sector() string {
	if c.SectorIdentifierURI != "" {
		return hostOf(c.SectorIdentifierURI)
	}
	if len(c.RedirectURIs) == 0 {
		return ""
	}
	return hostOf(c.RedirectURIs[0])
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func (c *Client) checkSubject(f *faults) {
	if c.SubjectType != "" && !slices.Contains(SupportedSubjectTypes(), c.SubjectType) {
		f.add("subject_type", "%s is not supported. Use %s.", quote(c.SubjectType), list(SupportedSubjectTypes()))
	}
	if c.SectorIdentifierURI != "" {
		// OpenID Connect Dynamic Client Registration §5: https; on this computer http will do, if outbound.allow names it.
		if strings.Contains(c.SectorIdentifierURI, "#") || !isWebAddress(c.SectorIdentifierURI) {
			f.add("sector_identifier_uri", "%s is no https address. Write it in full, such as https://app.example/sector.json.", quote(c.SectorIdentifierURI))
		}
		return
	}
	if !c.Pairwise() {
		return
	}
	// OpenID Connect Core §8.1: one host, or a document that says what belongs together.
	if len(c.RedirectURIs) == 0 {
		f.add("sector_identifier_uri", "A client with the subject type %q and no redirect URI needs one: it says to which sector the client belongs.", SubjectPairwise)
	}
	// The fault is that of the sector, not of an address: RFC 7591 §3.2.2 has different codes for the two.
	sector := c.Sector()
	for _, uri := range c.RedirectURIs {
		switch host := hostOf(uri); {
		case host == "":
			f.add("sector_identifier_uri", "The redirect URI %s has no host, so a client with the subject type %q needs a sector_identifier_uri.", quote(uri), SubjectPairwise)
			return
		case host != sector:
			f.add("sector_identifier_uri", "The redirect URI %s has another host than the first one, so a client with the subject type %q needs a sector_identifier_uri.", quote(uri), SubjectPairwise)
			return
		}
	}
}
