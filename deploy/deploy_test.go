// Package deploy_test proves what can be proved about the examples without a container engine.
package deploy_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"idp/internal/secret"
)

// program returns the path of a program that only CI is sure to have.
func program(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		for _, folder := range []string{"/usr/sbin/", "/sbin/"} {
			if found, err = exec.LookPath(folder + name); err == nil {
				return found
			}
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: run scripts/prerequisites", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSystemd_UnitIsValidAndConfined(t *testing.T) {
	t.Parallel()
	analyze := program(t, "systemd-analyze")
	folder := t.TempDir()
	// systemd wants the program to exist.
	unit := strings.Replace(read(t, "idp.service"), "/usr/local/bin/idp serve", "/bin/true", 1)
	path := filepath.Join(folder, "idp.service")
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, "idp.service.d"), os.DirFS("idp.service.d")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 0 is a service that may do nothing, 100 one that may do everything.
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: exposure above 2.0: %v\n%s", err, out)
	}
	for _, line := range []string{"Type=notify", "DynamicUser=yes", "StateDirectory=idp", "MemoryDenyWriteExecute=yes"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("idp.service lacks %s", line)
		}
	}
}

// composeFile is what the tests look at of a compose file.
type composeFile struct {
	Services map[string]struct {
		Build                             struct{ Context, Dockerfile string }
		Image                             string
		Healthcheck                       *struct{ Test []string }
		DependsOn                         map[string]struct{ Condition string } `yaml:"depends_on"`
		Environment                       map[string]string
		Secrets, Networks, Ports, Volumes []string
		ReadOnly                          bool     `yaml:"read_only"`
		CapDrop                           []string `yaml:"cap_drop"`
		StopGracePeriod                   string   `yaml:"stop_grace_period"`
	}
	Networks map[string]struct {
		IPAM struct{ Config []struct{ Gateway string } }
	}
	Volumes map[string]any
	Secrets map[string]struct{ File string }
}

func TestCompose_RefersOnlyToWhatExists(t *testing.T) {
	t.Parallel()
	reference := read(t, "../docs/config.md")
	for _, name := range []string{"compose.yaml", "compose.sqlite.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c composeFile
			if err := yaml.Unmarshal([]byte(read(t, name)), &c); err != nil {
				t.Fatalf("parse: %v", err)
			}
			for service, s := range c.Services {
				for _, secret := range s.Secrets {
					if _, declared := c.Secrets[secret]; !declared {
						t.Errorf("%s: secret %s is not declared", service, secret)
					}
				}
				for key, value := range s.Environment {
					if strings.HasPrefix(key, "IDP_") && !strings.Contains(reference, "`"+key+"`") {
						t.Errorf("%s: %s is no setting of docs/config.md", service, key)
					}
					if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(s.Secrets, file) {
						t.Errorf("%s: %s reads secret %s, which the service does not get", service, key, file)
					}
				}
				for _, port := range s.Ports {
					if !strings.HasPrefix(port, "127.0.0.1:") {
						t.Errorf("%s: port %s is open to everybody: the proxy is on this host", service, port)
					}
				}
				for _, volume := range s.Volumes {
					if source, _, _ := strings.Cut(volume, ":"); !mapHas(c.Volumes, source) {
						t.Errorf("%s: volume %s is not declared", service, source)
					}
				}
				for dependency, how := range s.DependsOn {
					if how.Condition == "service_healthy" && c.Services[dependency].Healthcheck == nil {
						t.Errorf("%s waits for the health of %s, which has no check", service, dependency)
					}
				}
			}
			idp := c.Services["idp"]
			if !idp.ReadOnly || !slices.Contains(idp.CapDrop, "ALL") {
				t.Error("idp may write to its image or has capabilities; want neither")
			}
			if _, err := os.Stat(filepath.Join(idp.Build.Context, idp.Build.Dockerfile)); err != nil {
				t.Errorf("build: %v", err)
			}
			// shutdown_delay is 3 s and shutdown_grace 10 s by default (docs/config.md).
			if grace, err := time.ParseDuration(idp.StopGracePeriod); err != nil || grace < 13*time.Second {
				t.Errorf("stop_grace_period = %q, %v, want more than 13s", idp.StopGracePeriod, err)
			}
			want := c.Networks["front"].IPAM.Config[0].Gateway + "/32"
			if got := idp.Environment["IDP_TRUSTED_PROXIES"]; got != want {
				t.Errorf("IDP_TRUSTED_PROXIES = %s, want the gateway alone, %s", got, want)
			}
		})
	}
}

func mapHas(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

func TestDockerfile_BuildsWhatRunsFromScratch(t *testing.T) {
	t.Parallel()
	text := read(t, "Dockerfile")
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.Contains(text, "golang:"+goVersion+"-") {
		t.Errorf("the build stage does not use Go %s, as go.mod does", goVersion)
	}
	_, final, found := strings.Cut(text, "FROM scratch\n")
	if !found {
		t.Fatal("the final stage is not FROM scratch")
	}
	for _, line := range []string{
		"USER 65532:65532", "VOLUME /data", "EXPOSE 8080 8081", `ENTRYPOINT ["/idp"]`, `CMD ["serve"]`,
		`CMD ["/idp", "healthcheck"]`, "/etc/ssl/certs/ca-certificates.crt",
	} {
		if !strings.Contains(final, line) {
			t.Errorf("the final stage lacks %s", line)
		}
	}
	if !strings.Contains(text, "timetzdata") {
		t.Error("the program is built without time zones, and the image has no files of them")
	}
	// What the build copies must exist and pass the ignore file.
	ignore := read(t, "Dockerfile.dockerignore")
	for _, match := range regexp.MustCompile(`(?m)^COPY (\w[\w./ -]*) \./`).FindAllStringSubmatch(text, -1) {
		for source := range strings.FieldsSeq(match[1]) {
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("COPY %s: %v", source, err)
			}
			if !strings.Contains(ignore, "!"+source+"\n") {
				t.Errorf("COPY %s: Dockerfile.dockerignore keeps it out", source)
			}
		}
	}
	reference := read(t, "../docs/config.md")
	for _, match := range regexp.MustCompile(`\b(IDP_\w+)=`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(reference, "`"+match[1]+"`") {
			t.Errorf("%s is no setting of docs/config.md", match[1])
		}
	}
}

func TestMakeSecrets_WritesOnceAndForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	program(t, "openssl")
	folder := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.Command("./make-secrets", folder).CombinedOutput(); err != nil {
		t.Fatalf("make-secrets: %v\n%s", err, out)
	}
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("mode of the folder = %o, want 700", got)
	}
	password := read(t, filepath.Join(folder, "postgres_password"))
	address, err := url.Parse(read(t, filepath.Join(folder, "database_url")))
	if err != nil {
		t.Fatalf("database_url: %v", err)
	}
	if got, _ := address.User.Password(); got != password || len(got) < 32 {
		t.Errorf("the address and postgres_password differ, or are short")
	}
	if address.Hostname() != "postgres" || address.Path != "/idp" {
		t.Errorf("database_url = %s, want host postgres and database idp", address.Redacted())
	}
	if _, err := secret.ParseKeyring([]byte(read(t, filepath.Join(folder, "keyring")))); err != nil {
		t.Errorf("idp does not accept the key ring: %v", err)
	}
	if exec.Command("./make-secrets", folder).Run() == nil {
		t.Error("make-secrets over existing secrets: no error, want a refusal")
	}
}
