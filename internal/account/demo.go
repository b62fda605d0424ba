package account

import "idp/internal/idp"

// The demonstration user of the development mode. Everybody knows the password: the server makes this user only with --dev.
const (
	DemoUsername = "demo"
	DemoEmail    = "demo@example.com"
	DemoPassword = "just for this demo"
)

// DemoUser returns the demonstration user for Seed: every claim of OpenID Connect Core §5.1 has a value, so that each scope
// shows something and the conformance suite finds what it asks for. No roles: a demonstration is no administrator.
func DemoUser() NewUser {
	return NewUser{
		Email: DemoEmail, EmailVerified: true, Username: DemoUsername, Password: DemoPassword,
		Profile: idp.Profile{
			Name: "Dana Quill Demo", GivenName: "Dana", FamilyName: "Demo", MiddleName: "Quill", Nickname: "Dee",
			Profile: "https://example.com/demo", Picture: "https://example.com/demo.png", Website: "https://demo.example.com",
			Gender: "female", Birthdate: "1990-04-01", Zoneinfo: "Europe/Berlin", Locale: "en-GB",
			PhoneNumber: "+4930123456", PhoneNumberVerified: true,
			Address: &idp.Address{
				Formatted: "Example Street 1\n10115 Berlin\nGermany", StreetAddress: "Example Street 1",
				Locality: "Berlin", Region: "Berlin", PostalCode: "10115", Country: "Germany",
			},
		},
	}
}
