package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const maxConfigFile = 1 << 20

// readFile finds and reads the configuration file. A file that was named must be there; the usual places may be empty.
func (l *loader) readFile() []assignment {
	path, origin := l.opts.File, "flag --config"
	if path == "" {
		path, origin = l.env["IDP_CONFIG"], "environment variable IDP_CONFIG"
	}
	if path == "" {
		search := l.opts.SearchPaths
		if search == nil {
			search = []string{"idp.yaml", "/etc/idp/idp.yaml"}
		}
		for _, p := range search {
			if exists(p) {
				path, origin = p, p
				break
			}
		}
	}
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		l.faults.add("config", origin, "cannot read the configuration file %s: %v. Name a file that exists and can be read.", path, unwrapPath(err))
		return nil
	case len(b) > maxConfigFile:
		l.faults.add("config", path, "is larger than 1 MiB, which no configuration is. Name another file.")
		return nil
	}
	l.c.file = path
	return l.parseFile(path, b)
}

// parseFile turns YAML into assignments. It walks the nodes instead of decoding them, to know the line of everything.
func (l *loader) parseFile(path string, b []byte) []assignment {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			l.faults.add("config", path, "is not YAML: %s. Mend the line it names.", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		return nil
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		l.faults.add("config", path, "has more than one document. Keep the first and delete what follows the line ---.")
		return nil
	}
	w := fileWalk{loader: l, path: path, groups: make(map[string]bool)}
	for _, f := range l.c.fields(nil) {
		if f.group {
			w.groups[f.key] = true
		}
	}
	w.mapping(doc.Content[0], "")
	return w.found
}

type fileWalk struct {
	*loader
	path   string
	groups map[string]bool
	found  []assignment
}

func (w *fileWalk) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", w.path, n.Line) }

func (w *fileWalk) mapping(n *yaml.Node, prefix string) {
	if n = resolve(n); n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		name := strings.TrimSuffix(prefix, ".")
		if name == "" {
			name = "config"
		}
		w.faults.add(name, w.at(n), "is a group of settings, not a value. Write its settings below it, indented, as key: value.")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		w.entry(n.Content[i], n.Content[i+1], prefix)
	}
}

func (w *fileWalk) entry(name, value *yaml.Node, prefix string) {
	key := prefix + name.Value
	if w.groups[key] {
		w.mapping(value, key+".")
		return
	}
	fromFile := false
	f, ok := w.known[key]
	if !ok {
		var base string
		if base, fromFile = strings.CutSuffix(key, "_file"); fromFile && w.known[base] != nil && w.known[base].secret() {
			key, f = base, w.known[base]
		}
	}
	switch {
	case f == nil:
		w.faults.add(key, w.at(name), "is no setting.%s `idp config doc` lists them all.", didYouMean(key, w.keys()))
		return
	case f.flagOnly():
		w.faults.add(key, w.at(name), "can only be given as the flag --%s. Delete the line.", f.tag.Get("flag"))
		return
	}
	texts, ok := scalars(resolve(value))
	switch {
	case !ok:
		w.faults.add(key, w.at(name), "takes a value or a list of values, nothing deeper. Write %s: value.", name.Value)
	case texts != nil:
		w.found = append(w.found, assignment{key: key, texts: texts, origin: w.at(name), fromFile: fromFile})
	}
}

// scalars returns the texts of a value or of a list of values; nil for null, which leaves the default.
func scalars(n *yaml.Node) ([]string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, true
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, true
	case n.Kind != yaml.SequenceNode:
		return nil, false
	}
	texts := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		if item = resolve(item); item.Kind != yaml.ScalarNode {
			return nil, false
		}
		texts = append(texts, item.Value)
	}
	return texts, true
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
