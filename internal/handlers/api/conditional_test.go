package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// docs/admin-api.md: a change made in between is a 412 instead of being lost, whatever is changed.
func TestConditional_AChangeOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(t, 201, "POST", "/clients", `{"client_id":"app","redirect_uris":["https://a.example/"]}`)
	w.want(t, 201, "POST", "/providers", `{"id":"corp","type":"oidc","name":"Corp","issuer":"https://op.example","client_id":"x","client_secret":"y"}`)
	w.want(t, 201, "POST", "/resources", `{"id":"tools","resource":"https://tools.example/mcp"}`)
	for path, member := range map[string]string{
		"/clients/app": "client_name", "/providers/corp": "name", "/resources/tools": "resource_name", "/users/" + w.user(t, "u@corp.example"): "username",
	} {
		read := w.want(t, http.StatusOK, "GET", path, "").header.Get("ETag")
		patch := func(n int) string { return fmt.Sprintf(`{%q:"name-%d"}`, member, n) }
		changed := w.want(t, http.StatusOK, "PATCH", path, patch(1), "If-Match", read).header.Get("ETag")
		if read == "" || changed == "" || changed == read {
			t.Errorf("%s: got the ETags %q and then %q, want two", path, read, changed)
		}
		if late := w.want(t, http.StatusPreconditionFailed, "PATCH", path, patch(2), "If-Match", read).json(t); late["code"] != CodePrecondition || late["field"] != "If-Match" {
			t.Errorf("%s: got %v, want the precondition named", path, late)
		}
		w.want(t, http.StatusPreconditionFailed, "PATCH", path, patch(2), "If-Match", "W/"+changed)
		if got := w.want(t, http.StatusOK, "GET", path, ""); !strings.Contains(got.text, `"name-1"`) || got.header.Get("ETag") != changed {
			t.Errorf("%s: got %s, want the first change alone", path, got.text)
		}
		w.want(t, http.StatusOK, "PATCH", path, patch(3), "If-Match", read+", "+changed)
		w.want(t, http.StatusOK, "PATCH", path, patch(4), "If-Match", "*")
		w.want(t, http.StatusOK, "PATCH", path, patch(5))
	}
}

// Whoever sends a condition relies on it: one that nobody looks at is no protection.
func TestConditional_WhatIsNotLookedAtIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user(t, "u@corp.example")
	for _, tc := range []struct{ method, path, body, header string }{
		{"DELETE", "/users/" + id, "", "If-Match"},
		{"POST", "/users/" + id + "/disable", "", "If-Match"},
		{"PUT", "/authorization-types/payment", `{"schema":{}}`, "If-Match"},
		{"POST", "/users", `{"email":"v@corp.example"}`, "If-Match"},
		{"PATCH", "/users/" + id, `{"username":"u"}`, "If-Unmodified-Since"},
	} {
		if got := w.want(t, http.StatusBadRequest, tc.method, tc.path, tc.body, tc.header, `"x"`).json(t); got["code"] != "condition_unsupported" || got["field"] != tc.header {
			t.Errorf("%s %s: got %v", tc.method, tc.path, got)
		}
	}
	w.want(t, http.StatusOK, "GET", "/users/"+id, "")
}

// Two administrators who change different members of a profile at once lose nothing.
func TestPatch_UsersAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user(t, "u@corp.example")
	members := []string{"given_name", "family_name", "nickname", "middle_name", "website", "zoneinfo"}
	values := map[string]string{"website": "https://u.example", "zoneinfo": "Europe/Berlin"}
	for round := range 5 {
		var group sync.WaitGroup
		want := map[string]string{}
		for _, member := range members {
			value := values[member]
			if value == "" {
				value = fmt.Sprint(member, round)
			}
			want[member] = value
			group.Go(func() {
				w.want(t, http.StatusOK, "PATCH", "/users/"+id, fmt.Sprintf(`{"profile":{%q:%q}}`, member, value))
			})
		}
		group.Wait()
		profile, _ := w.want(t, http.StatusOK, "GET", "/users/"+id, "").json(t)["profile"].(map[string]any)
		for member, value := range want {
			if profile[member] != value {
				t.Errorf("round %d: %s is %v, want %s", round, member, profile[member], value)
			}
		}
		clear := `{"profile":{"given_name":null,"family_name":null,"nickname":null,"middle_name":null,"website":null,"zoneinfo":null}}`
		w.want(t, http.StatusOK, "PATCH", "/users/"+id, clear)
	}
}
