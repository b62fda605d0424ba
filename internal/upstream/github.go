package upstream

import (
	"reflect"

	"idp/internal/idp"
)

// githubIssuer is what GitHub itself sends as iss in its callback.
const githubIssuer = "https://github.com/login/oauth"

// githubEndpoints are GitHub's own addresses. The id is a number that stays when somebody takes another login, and a login that was given up may be
// anybody's. The e-mail of the user's answer is the one that they show in public, with no mark; the list has marks.
func githubEndpoints() idp.ProviderEndpoints {
	return idp.ProviderEndpoints{
		AuthorizationURL: "https://github.com/login/oauth/authorize", TokenURL: "https://github.com/login/oauth/access_token",
		UserInfoURL: "https://api.github.com/user", EmailsURL: "https://api.github.com/user/emails",
		Claims: idp.ClaimMembers{Subject: "id", Name: "name", Username: "login", Picture: "avatar_url"},
	}
}

// presetGitHub fills in what is the same for everybody who signs people in with GitHub. Its addresses were verified once and may have changed hands since, so
// TrustEmail stays the operator's.
func presetGitHub(p *idp.Provider) {
	if p.Issuer == "" {
		p.Issuer = githubIssuer
	}
	if p.Name == "" {
		p.Name = "GitHub"
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"user:email"} // who it is can be read without any scope
	}
	if p.ClientAuthMethod == "" {
		p.ClientAuthMethod = idp.AuthClientSecretPost // the one that GitHub documents
	}
	own, none := githubEndpoints(), idp.ProviderEndpoints{}
	for _, e := range []*idp.ProviderEndpoints{&own, &none} { // these two are the operator's
		e.AuthorizationParameters, e.WithoutPKCE = p.AuthorizationParameters, p.WithoutPKCE
	}
	if reflect.DeepEqual(p.ProviderEndpoints, none) {
		p.ProviderEndpoints = own
	}
}

// checkGitHub keeps another server's numbers from passing for GitHub's: user 1 of a GitHub Enterprise Server is not GitHub's user 1.
func checkGitHub(p *idp.Provider, fault faultFunc) {
	own := githubEndpoints()
	own.AuthorizationParameters, own.WithoutPKCE = p.AuthorizationParameters, p.WithoutPKCE
	if !isLocal(p.Issuer) && (p.Issuer != githubIssuer || !reflect.DeepEqual(own, p.ProviderEndpoints)) {
		fault("issuer", "Type %s has GitHub's own addresses and members, and its issuer is %s. Leave these fields empty, or use type %s for a GitHub Enterprise Server.", TypeGitHub, githubIssuer, TypeOAuth2)
	}
	checkOAuth2(p, fault)
}
