package claims_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"idp/internal/idp"
	"idp/internal/oauth/claims"
)

func ann() *idp.UserClaims {
	return &idp.UserClaims{
		Username: "ann", Email: "ann@example.com", EmailVerified: true, Roles: []string{"admin"}, UpdatedAt: 7,
		Profile: idp.Profile{Name: "Ann", PhoneNumber: "+15550100", Address: &idp.Address{Country: "NZ"}, Custom: map[string]any{"secret": 1}},
	}
}

// OpenID Connect Core §5.4: each scope releases its own claims and nothing else.
func TestFor_EachScopeReleasesItsClaims(t *testing.T) {
	t.Parallel()
	contract := idp.DefaultContract()
	for scope, want := range map[string]claims.Set{
		"openid":         {},
		"offline_access": {},
		"api":            {},
		"profile":        {"name": "Ann", "preferred_username": "ann", "updated_at": int64(7)},
		"email":          {"email": "ann@example.com", "email_verified": true},
		"phone":          {"phone_number": "+15550100", "phone_number_verified": false},
		"address":        {"address": &idp.Address{Country: "NZ"}},
		"roles":          {"roles": []string{"admin"}},
	} {
		if got := claims.For([]string{scope}, ann(), &contract); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", scope, got, want)
		}
	}
}

// RP-11: an address that nobody proved is kept back unless the contract says otherwise.
func TestFor_UnverifiedAddressIsKeptBack(t *testing.T) {
	t.Parallel()
	contract := idp.DefaultContract()
	u := ann()
	u.EmailVerified = false
	if got := claims.For([]string{"email"}, u, &contract); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
	contract.ReleaseUnverifiedEmail = true
	if got := claims.For([]string{"email"}, u, &contract); got["email"] != "ann@example.com" || got["email_verified"] != false {
		t.Errorf("released by contract: got %v", got)
	}
	u.Email = ""
	if got := claims.For([]string{"email"}, u, &contract); len(got) != 0 {
		t.Errorf("no address: got %v, want nothing", got)
	}
}

func TestFor_RolesHaveTheContractsName(t *testing.T) {
	t.Parallel()
	contract := idp.DefaultContract()
	contract.RolesClaim = "groups"
	if got := claims.For([]string{"roles"}, ann(), &contract); !reflect.DeepEqual(got, claims.Set{"groups": []string{"admin"}}) {
		t.Errorf("got %v", got)
	}
}

// OpenID Connect Core §5.3.2: what has no value is left out, never null or empty.
func TestFor_NothingIsEmpty(t *testing.T) {
	t.Parallel()
	contract := idp.DefaultContract()
	all := []string{"openid", "profile", "email", "phone", "address", "roles"}
	got := claims.For(all, &idp.UserClaims{Profile: idp.Profile{Address: &idp.Address{}}}, &contract)
	if len(got) != 0 {
		t.Errorf("an empty user: got %v, want nothing", got)
	}
	b, err := json.Marshal(claims.For(all, ann(), &contract))
	if err != nil {
		t.Fatal(err)
	}
	var set map[string]any
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	supported := claims.Supported()
	for name, value := range set {
		if value == nil || value == "" || !slices.Contains(supported, name) {
			t.Errorf("%s: got %v; supported %v", name, value, slices.Contains(supported, name))
		}
	}
	if !slices.IsSorted(supported) || slices.Contains(supported, "secret") {
		t.Errorf("got %v, want them in order and no attribute of an operator's own", supported)
	}
}
