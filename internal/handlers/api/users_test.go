package api

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"idp/internal/audit"
	"idp/internal/idp"
)

func TestUsers_AreMadeReadChangedAndDeleted(t *testing.T) { // FS-29
	t.Parallel()
	w := newWorld(t)
	var id string
	w.writes(t, audit.UserCreated, func() {
		u := w.want(t, http.StatusCreated, "POST", "/users", `{"email":"Ann@Corp.example","username":"ann","password":"`+goodPassword+`","roles":["b","a"],"profile":{"name":"Ann","address":{"country":"NZ"},"custom":{"shoe":38,"shoeSize":{"EU":38}}}}`).json(t)
		id = u["id"].(string)
		if u["email"] != "ann@corp.example" || u["state"] != "active" || fmt.Sprint(u["roles"]) != "[a b]" {
			t.Errorf("created: got %v, want the canonical address, active, roles sorted", u)
		}
	})
	for body, code := range map[string]string{
		`{"email":"ann@corp.example"}`: "address_taken", `{"username":"ANN"}`: "username_taken",
	} {
		if got := w.want(t, http.StatusConflict, "POST", "/users", body).json(t)["code"]; got != code {
			t.Errorf("create %s: got %v, want %s", body, got, code)
		}
	}
	w.want(t, http.StatusUnprocessableEntity, "POST", "/users", `{"email":"x@corp.example","password":"short"}`)
	w.want(t, http.StatusUnprocessableEntity, "POST", "/users", `{"email":"x@corp.example","state":"gone"}`)

	for identifier, want := range map[string]int{"ANN@corp.example": 1, "Ann": 1, id: 0, "bob": 0, "a@b@c": 0, "%20": 0} {
		p := w.want(t, http.StatusOK, "GET", "/users?identifier="+identifier, "").json(t)
		if got := len(p["items"].([]any)); got != want {
			t.Errorf("find %s: got %d, want %d", identifier, got, want)
		}
	}
	w.writes(t, audit.UserUpdated, func() {
		u := w.want(t, http.StatusOK, "PATCH", "/users/"+id, `{"profile":{"address":{"country":null,"locality":"Nelson"},"nickname":"A"},"roles":null}`).json(t)
		profile := u["profile"].(map[string]any)
		if fmt.Sprint(profile["address"]) != "map[locality:Nelson]" || profile["name"] != "Ann" || u["roles"] != nil || u["username"] != "ann" {
			t.Errorf("patched: got %v, want the named members changed and the rest kept", u)
		}
	})
	w.want(t, http.StatusUnprocessableEntity, "PATCH", "/users/"+id, `{"state":"disabled"}`)
	w.want(t, http.StatusUnprocessableEntity, "PATCH", "/users/"+id, `{"profile":{"sub":"x"}}`)
	w.want(t, http.StatusNotFound, "PATCH", "/users/none", `{"username":"x1"}`)

	w.session(t, id)
	w.want(t, http.StatusNoContent, "PUT", "/users/"+id+"/password", `{"password":"amber lantern drifts south"}`)
	if p := w.want(t, http.StatusOK, "GET", "/users/"+id+"/sessions", "").json(t); len(p["items"].([]any)) != 0 {
		t.Errorf("sessions after a new password: got %v, want none (FL-15)", p)
	}
	w.want(t, http.StatusUnprocessableEntity, "PUT", "/users/"+id+"/password", `{"password":"ann"}`)
	w.writes(t, audit.UserDisabled, func() {
		if u := w.want(t, http.StatusOK, "POST", "/users/"+id+"/disable", "").json(t); u["state"] != "disabled" {
			t.Errorf("disabled: got %v", u["state"])
		}
	})
	w.writes(t, audit.UserEnabled, func() {
		if u := w.want(t, http.StatusOK, "POST", "/users/"+id+"/enable", "").json(t); u["state"] != "active" {
			t.Errorf("enabled: got %v", u["state"])
		}
	})
	w.writes(t, audit.UserDeleted, func() { w.want(t, http.StatusNoContent, "DELETE", "/users/"+id, "") })
	w.want(t, http.StatusNotFound, "GET", "/users/"+id, "")
}

func TestUsers_AccessIsListedAndTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, ctx, at := w.user(t, "bob@corp.example"), t.Context(), time.Now().UTC()
	identity := &idp.Identity{ID: idp.NewID(), UserID: id, ProviderID: "corp", Issuer: "https://op.example", Subject: "1", Email: "b@op.example", CreatedAt: at, LastUsedAt: at}
	if err := w.Store.CreateIdentity(ctx, identity); err != nil {
		t.Fatal(err)
	}
	if err := w.Store.PutGrant(ctx, id, "app", []string{"openid", "email"}, at); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"identities": "[map[", "grants": "[map[client_id:app"} {
		p := w.want(t, http.StatusOK, "GET", "/users/"+id+"/"+path, "").json(t)
		if got := fmt.Sprint(p["items"]); len(p["items"].([]any)) != 1 || got[:len(want)] != want {
			t.Errorf("%s: got %s, want one", path, got)
		}
	}
	w.writes(t, audit.IdentityUnlinked, func() { w.want(t, http.StatusNoContent, "DELETE", "/users/"+id+"/identities/"+identity.ID, "") })
	w.writes(t, audit.GrantRevoked, func() { w.want(t, http.StatusNoContent, "DELETE", "/users/"+id+"/grants/app", "") })
	w.want(t, http.StatusNotFound, "DELETE", "/users/"+id+"/grants/app", "")

	one, _ := w.session(t, id), w.session(t, id)
	if s := w.want(t, http.StatusOK, "GET", "/sessions/"+one, "").json(t); s["user_id"] != id || s["live"] != true || fmt.Sprint(s["amr"]) != "[pwd]" {
		t.Errorf("session: got %v", s)
	}
	if p := w.want(t, http.StatusOK, "GET", "/sessions?limit=1", "").json(t); len(p["items"].([]any)) != 1 || p["next"] == nil {
		t.Errorf("sessions: got %v, want one and a next", p)
	}
	w.writes(t, audit.SessionKilled, func() { w.want(t, http.StatusNoContent, "DELETE", "/sessions/"+one, "") })
	w.want(t, http.StatusNotFound, "GET", "/sessions/"+one, "")
	w.session(t, id)
	w.writes(t, audit.SessionKilled, func() {
		if got := w.want(t, http.StatusOK, "DELETE", "/users/"+id+"/sessions", "").json(t)["ended"]; got != 2.0 {
			t.Errorf("ended: got %v, want 2", got)
		}
	})
}
