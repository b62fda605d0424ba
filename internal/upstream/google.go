package upstream

import (
	"strings"

	"idp/internal/idp"
)

const (
	googleIssuer     = "https://accounts.google.com"
	googleIssuerBare = "accounts.google.com" // Google writes it so at times, and documents both
)

// presetGoogle fills in what is the same for everybody who signs people in with Google. TrustEmail is always set; how far the trust goes
// is decided for each address by googleSpeaksFor.
func presetGoogle(p *idp.Provider) {
	if p.Issuer == "" {
		p.Issuer = googleIssuer
	}
	if p.Name == "" {
		p.Name = "Google"
	}
	p.TrustEmail = true
	presetOIDC(p)
}

func checkGoogle(p *idp.Provider, fault faultFunc) {
	checkOIDC(p, fault)
	if p.Issuer != googleIssuer && !isLocal(p.Issuer) {
		fault("issuer", "Google's issuer is %s. Leave the field empty, or use type %s for another provider.", googleIssuer, TypeOIDC)
	}
}

// googleSpeaksFor reports whether Google is the authority for an address today. Google's own guide: only for gmail.com, and for a Workspace
// account (hd is there); any other verified address was its owner's when the account was made, and may be another's now.
func googleSpeaksFor(email, hostedDomain string) bool {
	return strings.HasSuffix(email, "@gmail.com") || strings.HasSuffix(email, "@googlemail.com") || hostedDomain != ""
}
