package config

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

const maxSecretFile = 64 << 10

// LoadOptions says where settings come from. Nothing else is read: no global environment, no global flags.
type LoadOptions struct {
	File        string      // the --config flag; empty = IDP_CONFIG, else the first of SearchPaths that exists
	SearchPaths []string    // nil = ./idp.yaml, /etc/idp/idp.yaml
	Env         []string    // as os.Environ gives it
	Flags       []FlagValue // over everything else, later ones over earlier ones
}

// FlagValue is a setting given on the command line.
type FlagValue struct {
	Name  string // as typed, "--listen"; for messages
	Key   string
	Value string
}

// assignment is what one source says about one setting.
type assignment struct {
	key      string
	texts    []string
	origin   string
	fromFile bool // texts[0] is the path of a file that holds the value
}

// loader carries the state of one Load.
type loader struct {
	opts   LoadOptions
	env    map[string]string
	c      *Config
	known  map[string]*field
	faults Faults
}

// Load reads all sources, fills in the defaults and validates. The error is a Faults with everything that is wrong; the
// configuration is nil then.
func Load(opts LoadOptions) (*Config, error) {
	l := &loader{opts: opts, env: environ(opts.Env), c: Default()}
	l.known = l.c.settings()

	l.apply(l.readFile())
	l.apply(l.credentials())
	if port := l.env["PORT"]; port != "" {
		l.apply([]assignment{{key: "listen", texts: []string{":" + port}, origin: "environment variable PORT"}})
	}
	l.apply(l.environment())
	l.flags()

	l.derive()
	l.checkPaths()
	l.c.validate(&l.faults)
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return l.c, nil
}

// Default returns the defaults that depend on nothing else; Load fills in the others.
func Default() *Config {
	c := &Config{origins: make(map[string]string)}
	for _, f := range c.fields(nil) {
		if text, ok := f.tag.Lookup("default"); ok {
			if err := decode(f.value, []string{text}); err != nil {
				panic(fmt.Sprintf("config: default of %s: %v", f.key, err)) // a mistake in a tag; every test meets it
			}
		}
	}
	return c
}

// File returns the path of the configuration file that was read, or nothing.
func (c *Config) File() string { return c.file }

// Origin says where the value of a setting came from, for messages.
func (c *Config) Origin(key string) string {
	if o := c.origins[key]; o != "" {
		return o
	}
	return "default"
}

// isSet reports whether a source, not a default, gave the value.
func (c *Config) isSet(key string) bool { return c.origins[key] != "" }

// apply stores what one source says. Two words of one source about one setting are a fault: nobody could tell which one wins.
func (l *loader) apply(source []assignment) {
	seen := make(map[string]assignment)
	for _, a := range source {
		if first, twice := seen[a.key]; twice {
			l.faults.add(a.key, a.origin, "is set twice, here and by %s. Keep one.", first.origin)
			continue
		}
		seen[a.key] = a
		l.set(a)
	}
}

func (l *loader) set(a assignment) {
	f := l.known[a.key]
	if a.fromFile {
		text, err := readSecret(a.texts[0])
		if err != nil {
			l.faults.add(a.key, a.origin, "cannot read the secret's file: %v. Write the path of a readable file that holds the value and nothing else.", err)
			return
		}
		a.texts = []string{text}
	}
	before := reflect.New(f.value.Type()).Elem()
	before.Set(f.value)
	if err := decode(f.value, a.texts); err != nil {
		l.faults.add(a.key, a.origin, "%v.", err)
		f.value.Set(before) // so that one fault does not cause others
		return
	}
	l.c.origins[a.key] = a.origin
}

func (l *loader) flags() {
	for _, v := range l.opts.Flags {
		f, ok := l.known[v.Key]
		switch {
		case !ok:
			l.faults.add(v.Key, "flag "+v.Name, "is no setting.%s `idp config doc` lists them all.", didYouMean(v.Key, l.keys()))
		case f.tag.Get("secret") == "true", f.tag.Get("secret") == "url" && urlPassword(v.Value):
			// Command lines are in the process list and in shell histories, for everybody on the machine.
			l.faults.add(v.Key, "flag "+v.Name, "is a secret, and command lines are visible to everybody on the machine. Set %s_FILE to the path of a file that holds it.", f.shortest())
		default:
			l.set(assignment{key: v.Key, texts: []string{v.Value}, origin: "flag " + v.Name})
		}
	}
}

// credentials reads systemd's LoadCredential= files. Their names are the keys with underscores: bootstrap_admin_password.
func (l *loader) credentials() []assignment {
	dir := l.env["CREDENTIALS_DIRECTORY"]
	if dir == "" {
		return nil
	}
	var list []assignment
	for key, f := range l.known {
		path := filepath.Join(dir, strings.ReplaceAll(key, ".", "_"))
		if f.secret() && exists(path) {
			list = append(list, assignment{key: key, texts: []string{path}, origin: "credential " + filepath.Base(path), fromFile: true})
		}
	}
	return list
}

// checkPaths finds out now, not at the first use, that a file which somebody named is not there.
func (l *loader) checkPaths() {
	for _, f := range l.c.fields(nil) {
		kind, path := f.tag.Get("path"), f.value.String()
		if kind == "" || path == "" {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			l.faults.add(f.key, l.c.Origin(f.key), "cannot use %q: %v. Write the path of a %s that the server can read.", path, unwrapPath(err), noun(kind))
		case info.IsDir() != (kind == "dir"):
			l.faults.add(f.key, l.c.Origin(f.key), "%q is no %s. Write the path of a %s.", path, noun(kind), noun(kind))
		}
	}
}

// keys lists the names of all settings and groups, for suggestions.
func (l *loader) keys() []string {
	var list []string
	for _, f := range l.c.fields(nil) {
		list = append(list, f.key)
	}
	return list
}

// shortest returns the name of the environment variable that a person would use.
func (f *field) shortest() string {
	if f.short != "" {
		return f.short
	}
	return f.env
}

func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	switch text := strings.TrimRight(string(b), "\r\n"); {
	case err != nil:
		return "", err
	case len(b) > maxSecretFile:
		return "", fmt.Errorf("%s is larger than 64 KiB", path)
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	default:
		return text, nil
	}
}

// urlPassword reports whether a URL carries a password. What cannot be parsed may carry one.
func urlPassword(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return true
	}
	_, ok := u.User.Password()
	return ok || u.Query().Has("password")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unwrapPath drops the path from a file system error, where the message names it already.
func unwrapPath(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func noun(pathKind string) string {
	if pathKind == "dir" {
		return "folder"
	}
	return pathKind
}
