package idp

import "fmt"

// ProviderEndpoints is what an operator says of a provider of plain OAuth 2, which has neither discovery nor an ID token.
type ProviderEndpoints struct {
	AuthorizationURL        string            `json:"authorization_url,omitempty" maxLength:"2048" doc:"Where the browser is sent, for type oauth2"`
	TokenURL                string            `json:"token_url,omitempty" maxLength:"2048" doc:"Where the code becomes an access token"`
	UserInfoURL             string            `json:"userinfo_url,omitempty" maxLength:"2048" doc:"What says, to the access token, who signed in: a JSON object"`
	EmailsURL               string            `json:"emails_url,omitempty" maxLength:"2048" doc:"A JSON array of {email, primary, verified}, where the user's answer has no address that can be relied on"`
	AuthorizationParameters map[string]string `json:"authorization_parameters,omitempty" doc:"Sent with each authorization request, at most 16"`
	WithoutPKCE             bool              `json:"without_pkce,omitempty" doc:"For a provider that refuses code_challenge"`
	Claims                  ClaimMembers      `json:"claims,omitzero"`
}

// SubjectsFrom names the place where a provider's subjects are read.
func (p *Provider) SubjectsFrom() string {
	if p.UserInfoURL == "" {
		return "ID token"
	}
	return fmt.Sprintf("%s of %s", p.Claims.Subject, p.UserInfoURL)
}

// ClaimMembers names the members of the user's answer that hold what an ID token would say; a dot leads into an object ("data.id"). What is not named
// is not read.
type ClaimMembers struct {
	Subject       string `json:"subject,omitempty" maxLength:"256" doc:"The id that the provider gives to one account and never again: text or a whole number"`
	Name          string `json:"name,omitempty" maxLength:"256"`
	Username      string `json:"username,omitempty" maxLength:"256"`
	Picture       string `json:"picture,omitempty" maxLength:"256"`
	Email         string `json:"email,omitempty" maxLength:"256"`
	EmailVerified string `json:"email_verified,omitempty" maxLength:"256" doc:"Without it, and without emails_url, an address is verified only if trust_email says so of all"`
}
