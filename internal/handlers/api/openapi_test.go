package api

import (
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

func TestOpenAPI_IsFresh(t *testing.T) {
	t.Parallel()
	got, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("openapi.json is not what the handlers say. Run: go test ./internal/handlers/api -run OpenAPI -update")
	}
	served := newWorld(t)
	if a := served.want(t, http.StatusOK, "GET", "/openapi.json", ""); a.text != string(want) {
		t.Error("the served description differs from openapi.json")
	}
}

// TestOpenAPI_EveryPathParameterIsRead: the framework drops parameters of embedded structs that are not exported, without a word.
func TestOpenAPI_EveryPathParameterIsRead(t *testing.T) {
	t.Parallel()
	for path, item := range newServer(Dependencies{}, Path).api.OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			described := 0
			for _, p := range op.Parameters {
				if p.In == "path" && strings.Contains(path, "{"+p.Name+"}") {
					described++
				}
			}
			if want := strings.Count(path, "{"); described != want {
				t.Errorf("%s %s: %d path parameters are read, want %d", method, path, described, want)
			}
		}
	}
}

// TestOpenAPI_NoSecretIsRead: what an answer to GET holds is described without any member for a secret (SEC-2).
func TestOpenAPI_NoSecretIsRead(t *testing.T) {
	t.Parallel()
	spec := newServer(Dependencies{}, Path).api.OpenAPI()
	for path, item := range spec.Paths {
		if item.Get == nil {
			continue
		}
		name := item.Get.Responses["200"].Content["application/json"].Schema.Ref
		for _, secret := range []string{"CreatedClient", "NewSecret", "NewProvider", "NewUser", "NewClient"} {
			if strings.HasSuffix(name, "/"+secret) {
				t.Errorf("GET %s answers with %s, which holds a secret", path, secret)
			}
		}
	}
	for _, view := range []string{"Client", "Provider", "User", "Session", "Key", "Secret"} {
		for member := range spec.Components.Schemas.Map()[view].Properties {
			if member == "client_secret" || member == "password" || member == "digest" || member == "private" || member == "token" {
				t.Errorf("the view %s has a member %s", view, member)
			}
		}
	}
}
