package claims

import (
	"maps"
	"slices"

	"idp/internal/idp"
)

// Set is a set of claims by their wire names. No value is empty or null.
type Set map[string]any

// put adds a claim unless its value is empty (OpenID Connect Core §5.3.2: a claim without a value is left out).
func (s Set) put(name, value string) {
	if value != "" {
		s[name] = value
	}
}

// For returns what the scopes release of a user (OpenID Connect Core §5.4), without sub. An address that is not verified is kept back unless the contract says
// otherwise: most applications never look at email_verified (RP-11).
func For(scopes []string, u *idp.UserClaims, contract *idp.Contract) Set {
	s := Set{}
	p := &u.Profile
	for _, scope := range scopes {
		switch scope {
		case idp.ScopeProfile:
			profile(s, u)
		case idp.ScopeEmail:
			if u.Email != "" && (u.EmailVerified || contract.ReleaseUnverifiedEmail) {
				s["email"], s["email_verified"] = u.Email, u.EmailVerified
			}
		case idp.ScopePhone:
			if p.PhoneNumber != "" {
				s["phone_number"], s["phone_number_verified"] = p.PhoneNumber, p.PhoneNumberVerified
			}
		case idp.ScopeAddress:
			if p.Address != nil && *p.Address != (idp.Address{}) {
				s["address"] = p.Address
			}
		case idp.ScopeRoles:
			if len(u.Roles) > 0 {
				s[contract.RolesClaim] = u.Roles
			}
		}
	}
	return s
}

func profile(s Set, u *idp.UserClaims) {
	p := &u.Profile
	s.put("name", p.Name)
	s.put("given_name", p.GivenName)
	s.put("family_name", p.FamilyName)
	s.put("middle_name", p.MiddleName)
	s.put("nickname", p.Nickname)
	s.put("preferred_username", u.Username)
	s.put("profile", p.Profile)
	s.put("picture", p.Picture)
	s.put("website", p.Website)
	s.put("gender", p.Gender)
	s.put("birthdate", p.Birthdate)
	s.put("zoneinfo", p.Zoneinfo)
	s.put("locale", p.Locale)
	if u.UpdatedAt > 0 {
		s["updated_at"] = u.UpdatedAt
	}
}

// Supported lists, sorted, the names of all claims that the ID token and UserInfo can hold, for discovery.
func Supported() []string {
	everything := idp.UserClaims{
		Username: "x", Email: "x", EmailVerified: true, Roles: []string{"x"}, UpdatedAt: 1,
		Profile: idp.Profile{
			Name: "x", GivenName: "x", FamilyName: "x", MiddleName: "x", Nickname: "x", Profile: "x", Picture: "x", Website: "x", Gender: "x",
			Birthdate: "x", Zoneinfo: "x", Locale: "x", PhoneNumber: "x", Address: &idp.Address{Country: "x"},
		},
	}
	contract := idp.DefaultContract()
	s := For([]string{idp.ScopeProfile, idp.ScopeEmail, idp.ScopePhone, idp.ScopeAddress, idp.ScopeRoles}, &everything, &contract)
	names := slices.Collect(maps.Keys(s))
	return slices.Sorted(slices.Values(append(names, "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash")))
}
