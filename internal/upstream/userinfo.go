package upstream

import (
	"context"
	"fmt"
	"slices"

	"idp/internal/idp"
)

// userInfo asks the UserInfo endpoint if the ID token lacks what the scopes asked for: many providers put profile and
// address only there. It returns nil when there is nothing to ask.
func (o *openID) userInfo(ctx context.Context, m *metadata, accessToken string, idToken object) (object, error) {
	if m.userInfoEndpoint == "" || !wantsUserInfo(o.row.Scopes, idToken) {
		return nil, nil
	}
	info, err := getJSON(ctx, o.deps.client, m.userInfoEndpoint, accessToken)
	if err != nil {
		return nil, fmt.Errorf("userinfo: %w", err)
	}
	want, err := subject(idToken)
	if err != nil {
		return nil, err
	}
	// OpenID Connect Core §5.3.2: an access token that was swapped shows another person's data.
	if got, err := info.text("sub"); err != nil || got != want {
		return nil, fmt.Errorf("userinfo: sub %s is not the ID token's", loggable(got))
	}
	return info, nil
}

func wantsUserInfo(scopes []string, idToken object) bool {
	if slices.Contains(scopes, idp.ScopeEmail) && !idToken.has("email") {
		return true
	}
	return slices.Contains(scopes, idp.ScopeProfile) && !slices.ContainsFunc(
		[]string{"name", "given_name", "family_name", "preferred_username"}, idToken.has)
}
