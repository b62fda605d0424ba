package config

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

//go:embed docs_head.md
var docsHead string

//go:embed docs_tail.md
var docsTail string

// Doc returns docs/config.md.
func Doc() string { return document(comments()) }

func document(comments map[string]string) string {
	all := new(Config).fields(comments)
	var b strings.Builder
	b.WriteString(docsHead + "\n## General\n")
	section := func(f *field) {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n", f.key, f.text())
		for _, fact := range f.facts() {
			b.WriteString("- " + fact + "\n")
		}
	}
	for _, f := range all {
		if !f.group && !strings.Contains(f.key, ".") {
			section(f)
		}
	}
	for _, f := range all {
		switch {
		case f.group:
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", f.key, f.text())
		case strings.Contains(f.key, "."):
			section(f)
		}
	}
	b.WriteString(docsTail)
	return b.String()
}

// text is the comment as a user reads it: Go's name of the setting, with which a comment begins, is replaced by the setting's own.
func (f *field) text() string {
	if rest, ok := strings.CutPrefix(f.comment, f.goName()+" "); ok {
		return "`" + f.key + "` " + rest
	}
	return f.comment
}

// facts lists what a reader needs besides the words: kind, default, bounds and names.
func (f *field) facts() []string {
	list := []string{"Value: " + f.kind()}
	def := f.tag.Get("derived")
	if def == "" {
		def = "`" + f.tag.Get("default") + "`"
	}
	if def == "``" {
		def = "none"
	}
	list = append(list, "Default: "+def)
	low, high := f.tag.Get("min"), f.tag.Get("max")
	switch {
	case low != "" && high != "":
		list = append(list, fmt.Sprintf("From `%s` to `%s`", low, high))
	case high != "":
		list = append(list, fmt.Sprintf("At most `%s`", high))
	}
	if e := f.tag.Get("example"); e != "" {
		list = append(list, "Example: `"+e+"`")
	}
	var names []string
	if !f.flagOnly() {
		names = append(names, "`"+f.shortest()+"`")
		if f.shortest() != f.env {
			names = append(names, "`"+f.env+"`")
		}
		if f.secret() {
			names = append(names, "`"+f.shortest()+"_FILE`")
		}
		if f.key == "listen" {
			names = append(names, "`PORT`")
		}
	}
	if names != nil {
		list = append(list, "Environment: "+strings.Join(names, ", "))
	}
	if name := f.tag.Get("flag"); name != "" {
		list = append(list, "Flag: `--"+name+"`")
	}
	if f.secret() {
		name := f.key[strings.LastIndexByte(f.key, '.')+1:]
		list = append(list, fmt.Sprintf("Secret: in the file also `%s_file`; systemd credential `%s`", name, strings.ReplaceAll(f.key, ".", "_")))
	}
	return list
}

// kind says in words what a value looks like.
func (f *field) kind() string {
	if e := f.enum(); e != nil {
		return "`" + strings.Join(e, "`, `") + "`"
	}
	switch f.value.Interface().(type) {
	case bool:
		return "`true` or `false`"
	case int:
		return "whole number"
	case time.Duration:
		return "duration, such as `90s`, `10m`, `24h`, `30d`"
	case Size:
		return "size, such as `64KiB`, `19MiB`"
	case []netip.Prefix:
		return "list of networks or addresses; in the environment parted by commas"
	case []string:
		return "list of texts; in the environment parted by commas"
	}
	if p := f.tag.Get("path"); p != "" {
		return "path of a " + noun(p)
	}
	return "text"
}
