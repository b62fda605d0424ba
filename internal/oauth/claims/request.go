package claims

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"idp/internal/idp"
	"idp/internal/untrusted"
)

const (
	requestMost  = 4 << 10 // bytes of the parameter
	requestDepth = 5       // {"id_token":{"acr":{"values":[…]}}} needs four
	membersMost  = 64      // claims in one of the two lists
	valuesMost   = 32
)

// Request is the claims parameter (OpenID Connect Core §5.5), as far as anybody here acts on it.
type Request struct {
	IDToken  []string // claims about the person, by name, sorted
	UserInfo []string
	Subject  string   // the person must be this one
	ACR      []string // the sign-in must be one of these; none is demanded if empty
	WantACR  []string // the sign-in should be one of these
}

// want is the value of one claim in the request; null asks for it and says no more.
type want struct {
	Essential bool            `json:"essential"`
	Value     json.RawMessage `json:"value"`
	Values    []any           `json:"values"`
}

// ParseRequest reads the claims parameter. Claims that nobody here has are no fault (OpenID Connect Core §5.5.1).
func ParseRequest(text string) (*Request, error) {
	var in struct {
		IDToken  map[string]*want `json:"id_token"`
		UserInfo map[string]*want `json:"userinfo"`
	}
	if err := untrusted.Decode([]byte(text), untrusted.Bounds{Bytes: requestMost, Depth: requestDepth}, &in); err != nil {
		return nil, err
	}
	r := &Request{}
	for _, list := range []struct {
		in  map[string]*want
		out *[]string
	}{{in.IDToken, &r.IDToken}, {in.UserInfo, &r.UserInfo}} {
		if len(list.in) > membersMost {
			return nil, fmt.Errorf("it asks for more than %d claims at once", membersMost)
		}
		for _, name := range slices.Sorted(maps.Keys(list.in)) {
			if err := r.read(name, list.in[name]); err != nil {
				return nil, err
			}
			if _, ok := scopeOf[name]; ok {
				*list.out = append(*list.out, name)
			}
		}
	}
	// OpenID Connect Core §5.5.1.1: only of the ID token; a wish stays a wish.
	if w := in.IDToken["acr"]; w != nil {
		values, err := w.texts()
		switch {
		case err != nil:
			return nil, fmt.Errorf("the values of acr: %w", err)
		case w.Essential:
			r.ACR = values
		default:
			r.WantACR = values
		}
	}
	return r, nil
}

func (r *Request) read(name string, w *want) error {
	if w == nil {
		return nil
	}
	if len(w.Values) > valuesMost {
		return fmt.Errorf("it names more than %d values of a claim", valuesMost)
	}
	if name != "sub" || len(w.Value) == 0 {
		return nil
	}
	var sub string
	if err := json.Unmarshal(w.Value, &sub); err != nil || sub == "" {
		return errors.New("the value of sub is no text")
	}
	if r.Subject != "" && r.Subject != sub {
		return errors.New("it asks for two different people")
	}
	r.Subject = sub
	return nil
}

// texts returns value and values of a claim whose values are texts.
func (w *want) texts() ([]string, error) {
	var out []string
	if len(w.Value) > 0 {
		var one string
		if err := json.Unmarshal(w.Value, &one); err != nil {
			return nil, errors.New("a text is wanted")
		}
		out = append(out, one)
	}
	for _, v := range w.Values {
		one, ok := v.(string)
		if !ok {
			return nil, errors.New("texts are wanted")
		}
		out = append(out, one)
	}
	return out, nil
}

// scopeOf names the scope that releases a claim. The roles' claim has a name of each client's own, and is not asked for by name.
var scopeOf = map[string]string{
	"name": idp.ScopeProfile, "given_name": idp.ScopeProfile, "family_name": idp.ScopeProfile, "middle_name": idp.ScopeProfile, "nickname": idp.ScopeProfile,
	"preferred_username": idp.ScopeProfile, "profile": idp.ScopeProfile, "picture": idp.ScopeProfile, "website": idp.ScopeProfile, "gender": idp.ScopeProfile,
	"birthdate": idp.ScopeProfile, "zoneinfo": idp.ScopeProfile, "locale": idp.ScopeProfile, "updated_at": idp.ScopeProfile,
	"email": idp.ScopeEmail, "email_verified": idp.ScopeEmail,
	"phone_number": idp.ScopePhone, "phone_number_verified": idp.ScopePhone,
	"address": idp.ScopeAddress,
}

// Allowed returns those of the names that a client may have: whose scope it may ask for.
func Allowed(names []string, c *idp.Client) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(c.Scopes, scopeOf[name]) })
}

// ScopesOf returns the scopes that release the named claims, sorted.
func ScopesOf(names ...string) []string {
	var scopes []string
	for _, name := range names {
		if scope := scopeOf[name]; scope != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	return scopes
}

// Add puts the claims that were asked for by name into a set, as far as the client may still have them and the person has a value.
func (s Set) Add(names []string, u *idp.UserClaims, c *idp.Client) {
	if len(names) == 0 {
		return
	}
	names = Allowed(names, c)
	released := For(ScopesOf(names...), u, &c.Contract)
	for _, name := range names {
		if v, ok := released[name]; ok {
			s[name] = v
		}
	}
}
