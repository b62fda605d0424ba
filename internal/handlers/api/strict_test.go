package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestBody_IsReadStrictly(t *testing.T) { // FS-47, SEC-24
	t.Parallel()
	w := newWorld(t)
	const ok = `{"client_name":"n","redirect_uris":["https://a.example/"]}`
	for name, tc := range map[string]struct {
		body, kind string
		status     int
		code       string
	}{
		"text":                     {ok, "text/plain", 415, "content_type"},
		"form":                     {ok, "application/x-www-form-urlencoded", 415, "content_type"},
		"no type":                  {ok, "", 415, "content_type"},
		"merge patch on POST":      {ok, "application/merge-patch+json", 415, "content_type"},
		"another charset":          {ok, "application/json; charset=utf-16", 415, "content_type"},
		"empty":                    {"", "application/json", 400, "invalid"},
		"no JSON":                  {"{", "application/json", 400, "json_invalid"},
		"two documents":            {ok + ok, "application/json", 400, "json_invalid"},
		"member twice":             {`{"client_name":"a","client_name":"b"}`, "application/json", 400, "json_invalid"},
		"member twice by case":     {`{"client_name":"a","Client_name":"b"}`, "application/json", 400, "json_invalid"},
		"member twice inside":      {`{"contract":{"code_ttl":9,"code_ttl":10}}`, "application/json", 400, "json_invalid"},
		"NUL":                      {`{"client_name":"a\u0000"}`, "application/json", 400, "json_invalid"},
		"broken UTF-8":             {"{\"client_name\":\"\xff\"}", "application/json", 400, "json_invalid"},
		"deep":                     {strings.Repeat("[", 100) + strings.Repeat("]", 100), "application/json", 400, "json_invalid"},
		"large":                    {`{"client_name":"` + strings.Repeat("a", maxBody) + `"}`, "application/json", 413, "body_too_large"},
		"unknown member":           {`{"colour":"red"}`, "application/json", 422, "invalid"},
		"unknown member inside":    {`{"contract":{"colour":"red"}}`, "application/json", 422, "invalid"},
		"not for operators":        {`{"managed_by":"me"}`, "application/json", 422, "invalid"},
		"an array":                 {`[]`, "application/json", 422, "invalid"},
		"null":                     {`null`, "application/json", 422, "invalid"},
		"wrong type":               {`{"client_name":1}`, "application/json", 422, "invalid"},
		"number that overflows":    {`{"default_max_age":1e99}`, "application/json", 422, "invalid"},
		"number that is no number": {`{"default_max_age":1e999}`, "application/json", 400, "invalid"},
		"validation":               {`{"redirect_uris":["//evil.example"]}`, "application/json", 422, "redirect_uri_invalid"},
		"weak secret":              {`{"redirect_uris":["https://a.example/"],"client_secret":"hunter2hunter2hunter2hunter2hunter2"}`, "application/json", 422, "invalid"},
	} {
		a := w.send(t, "POST", "/clients", tc.body, "Content-Type", tc.kind)
		if a.status != tc.status || a.json(t)["code"] != tc.code {
			t.Errorf("%s: got %d %s, want %d %s", name, a.status, a.text, tc.status, tc.code)
		}
		if strings.Contains(a.text, "hunter2") {
			t.Errorf("%s: the answer repeats the secret: %s", name, a.text)
		}
	}
	if strings.Contains(w.log.String(), "hunter2") {
		t.Error("the log holds a secret that was refused")
	}
	a := w.want(t, http.StatusUnprocessableEntity, "POST", "/clients", `{"client_id":"a b","scopes":["x y"],"redirect_uris":["ftp://x"]}`)
	if faults, _ := a.json(t)["errors"].([]any); len(faults) != 3 {
		t.Errorf("three faults at once: got %s", a.text)
	}
	w.want(t, http.StatusCreated, "POST", "/clients", ok, "Content-Type", "application/json; charset=UTF-8")
}

// TestBody_WrongTypesAreNever5xx puts values of every type into every member of every body that is described. send fails on a 5xx.
func TestBody_WrongTypesAreNever5xx(t *testing.T) { // SEC-24
	t.Parallel()
	w := newWorld(t)
	userID := w.user(t, "u@corp.example")
	w.want(t, 201, "POST", "/clients", `{"client_id":"app","redirect_uris":["https://a.example/"]}`)
	w.want(t, 201, "POST", "/providers", `{"id":"corp","type":"oidc","name":"Corp","issuer":"https://op.example","client_id":"x","client_secret":"y"}`)
	paths := strings.NewReplacer("{user_id}", userID, "{client_id}", "app", "{provider_id}", "corp", "{session_id}", "none", "{kid}", "none", "{identity_id}", "none")
	long, _ := json.Marshal(strings.Repeat("\u202e💥", 5000))
	values := []string{
		`1`, `-1`, `1.5`, `9223372036854775807`, `1e30`, `true`, `null`, `""`, `"x"`, `"\ud800"`, `"\u0007"`, `"%00"`, string(long), `[]`, `[null]`, `["a","a"]`, `[1]`, `[[[]]]`, `{}`, `{"a":null}`, `{"":{"":""}}`,
	}
	sent := 0
	for path, item := range w.spec.Paths {
		for method, op := range operationsOf(item) {
			if op.RequestBody == nil || strings.HasSuffix(path, "rotate") { // a new RSA key for each of a hundred requests
				continue
			}
			for _, media := range op.RequestBody.Content {
				for _, member := range members(w, media.Schema, 0) {
					for _, v := range values {
						body := strings.Replace(member, "?", v, 1)
						a := w.send(t, method, paths.Replace(path), body)
						sent++
						if a.status >= 300 && a.status != 400 && a.status != 404 && a.status != 409 && a.status != 422 {
							t.Errorf("%s %s %.200s: got %d %s", method, path, body, a.status, a.text)
						}
					}
				}
			}
		}
	}
	if sent < 1500 {
		t.Errorf("requests: got %d, want every member of every body", sent)
	}
}

// members returns a body for each member of a schema, with a question mark in the place of the value.
func members(w *world, schema *huma.Schema, depth int) []string {
	if schema.Ref != "" {
		schema = w.spec.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	if schema.Type != "object" || depth > 2 {
		return nil
	}
	out := []string{"?"}
	for name, property := range schema.Properties {
		out = append(out, `{"`+name+`":?}`)
		for _, inner := range members(w, property, depth+1) {
			out = append(out, `{"`+name+`":`+inner+`}`)
		}
	}
	return out
}

func FuzzMergePatch(f *testing.F) {
	f.Fuzz(func(t *testing.T, patch []byte) {
		if checkJSON(patch) != nil {
			return
		}
		stands := UserData{Email: "a@b.example", Roles: []string{"x"}}
		var once, twice UserData
		if mergePatch(stands, patch, &once) != nil {
			return
		}
		if err := mergePatch(once, patch, &twice); err != nil {
			t.Fatalf("applied once, but not twice: %v", err)
		}
		a, _ := json.Marshal(once)
		b, _ := json.Marshal(twice)
		if string(a) != string(b) {
			t.Errorf("a merge patch applied twice: got %s, then %s", a, b)
		}
	})
}

func FuzzCheckJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		if checkJSON(text) == nil && json.Unmarshal(text, &v) != nil && !strings.ContainsAny(string(text), "eE") { // 1e999 is JSON, but no float64
			t.Errorf("%q passes, but is not decoded", text)
		}
	})
}
