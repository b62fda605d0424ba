package config

import (
	"reflect"
	"strings"
)

// field is one setting as the tags of Config describe it.
//
// The tags: key (name in its group), env (short names besides the regular one), flag, default, derived (words for a default that
// depends on others), example, enum, min and max, secret ("true", or "url" where only the password in it is secret), path
// ("file" or "dir" that must exist), only ("flag": no other source).
type field struct {
	key     string // with its groups: session.idle
	group   bool   // a struct of settings, not a setting
	env     string // the regular name: IDP_SESSION__IDLE
	short   string // a short name, IDP_DATABASE_URL; the same as env for settings outside groups
	name    string // of the Go field with its groups' types, the key of the comment table
	tag     reflect.StructTag
	value   reflect.Value
	comment string
}

// goName is the name of the Go field.
func (f *field) goName() string { return f.name[strings.IndexByte(f.name, '.')+1:] }

func (f *field) secret() bool { return f.tag.Get("secret") != "" }

func (f *field) flagOnly() bool { return f.tag.Get("only") == "flag" }

func (f *field) enum() []string {
	if s := f.tag.Get("enum"); s != "" {
		return strings.Split(s, ",")
	}
	return nil
}

// fields lists the settings of c in the order of the struct, each group before its members.
func (c *Config) fields(comments map[string]string) []*field {
	var list []*field
	var walk func(v reflect.Value, prefix string)
	walk = func(v reflect.Value, prefix string) {
		t := v.Type()
		for i := range t.NumField() {
			sf := t.Field(i)
			if !sf.IsExported() {
				continue
			}
			f := &field{key: prefix + sf.Tag.Get("key"), name: t.Name() + "." + sf.Name, tag: sf.Tag, value: v.Field(i)}
			f.env = "IDP_" + strings.ToUpper(strings.ReplaceAll(f.key, ".", "__"))
			f.short = sf.Tag.Get("env")
			f.comment = comments[f.name]
			f.group = sf.Type.Kind() == reflect.Struct && sf.Tag.Get("key") != "" && sf.Type.PkgPath() == t.PkgPath()
			list = append(list, f)
			if f.group {
				walk(f.value, f.key+".")
			}
		}
	}
	walk(reflect.ValueOf(c).Elem(), "")
	return list
}

// settings indexes the fields of c that hold a value.
func (c *Config) settings() map[string]*field {
	byKey := make(map[string]*field)
	for _, f := range c.fields(nil) {
		if !f.group {
			byKey[f.key] = f
		}
	}
	return byKey
}

// Flag describes a command-line flag that stands for a setting.
type Flag struct {
	Name  string // without dashes
	Key   string
	Usage string
	Bool  bool // needs no value
}

// Flags lists the settings that have a flag of their own.
func Flags() []Flag {
	var list []Flag
	for _, f := range new(Config).fields(comments()) {
		if name := f.tag.Get("flag"); name != "" {
			usage, _, _ := strings.Cut(strings.ReplaceAll(f.text(), "`", ""), ". ")
			list = append(list, Flag{Name: name, Key: f.key, Usage: strings.TrimSuffix(usage, "."), Bool: f.value.Kind() == reflect.Bool})
		}
	}
	return list
}
