package config

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print returns the effective configuration as YAML, each setting with a comment that says where its value came from. Secrets
// are masked, so the text may go into a report of a fault; it is a valid file but for them.
func (c *Config) Print() string {
	var b strings.Builder
	for _, f := range c.fields(nil) {
		indent := strings.Repeat("  ", strings.Count(f.key, "."))
		name := f.key[strings.LastIndexByte(f.key, '.')+1:]
		if f.group {
			b.WriteString(indent + name + ":\n")
			continue
		}
		line := indent + name + ": " + quoteYAML(f.shown())
		if f.flagOnly() {
			line = "# --" + f.tag.Get("flag") + ": " + f.shown()
		}
		b.WriteString(line + " # " + c.Origin(f.key) + "\n")
	}
	return b.String()
}

// Values returns the effective configuration as nested maps of texts, numbers and truths, secrets masked.
func (c *Config) Values() map[string]any {
	root := make(map[string]any)
	for _, f := range c.fields(nil) {
		at, name := root, f.key
		if group, member, nested := strings.Cut(f.key, "."); nested {
			at, name = root[group].(map[string]any), member
		}
		switch v := f.value.Interface().(type) {
		case bool, int:
			at[name] = v
		default:
			if f.group {
				at[name] = make(map[string]any)
			} else {
				at[name] = f.shown()
			}
		}
	}
	return root
}

// shown is the value as people may see it.
func (f *field) shown() string {
	s, ok := f.value.Interface().(Secret)
	if !ok {
		return format(f.value.Interface())
	}
	if f.tag.Get("secret") == "url" {
		return maskURL(s.Reveal())
	}
	return s.String()
}

// maskURL hides the password in a database URL. What it does not understand it hides altogether.
func maskURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case strings.HasPrefix(s, "sqlite:"):
		return s
	case err != nil || u.Query().Has("password"):
		return redacted
	}
	return u.Redacted()
}

// quoteYAML writes a text as YAML would, with quotes only where they are needed.
func quoteYAML(s string) string {
	b, err := yaml.Marshal(s)
	if err != nil || strings.ContainsRune(s, '\n') {
		return `""`
	}
	if s == "true" || s == "false" {
		return s
	}
	return strings.TrimSuffix(string(b), "\n")
}
