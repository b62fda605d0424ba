package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// The values of --output.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

func formats() []string {
	return []string{formatTable, formatWide, formatJSON, formatYAML, formatName}
}

// output writes results to stdout in the format that was asked for.
type output struct {
	w      io.Writer
	format string
}

// output returns the writer of results. --quiet is the format name.
func (a *app) output() *output {
	o := &output{w: a.out, format: a.flags.output}
	if a.flags.quiet && (o.format == formatTable || o.format == formatWide) {
		o.format = formatName
	}
	return o
}

// wide reports whether a table should have its further columns.
func (o *output) wide() bool { return o.format == formatWide }

// object writes v: as its JSON, as the same in YAML, or as its ids, one a line (the members id, client_id, kid or name, of v itself or of each
// element if v is a list); in the table formats it calls table.
func (o *output) object(v any, table func()) error {
	switch o.format {
	case formatJSON:
		return writeJSON(o.w, v, "  ")
	case formatYAML:
		return o.yaml(v)
	case formatName:
		return o.names(v)
	}
	table()
	return nil
}

// table writes rows under a header, in columns. Control characters are shown as such: the texts come from strangers, and a terminal obeys
// them.
func (o *output) table(header []string, rows [][]string) {
	tw := tabwriter.NewWriter(o.w, 0, 8, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = printable(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	tw.Flush() // an error of stdout shows at the next write, or as a broken pipe
}

// fields writes one object as lines of name and value.
func (o *output) fields(pairs ...[2]string) {
	tw := tabwriter.NewWriter(o.w, 0, 8, 2, ' ', 0)
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(tw, "%s:\t%s\n", p[0], printable(p[1]))
		}
	}
	tw.Flush()
}

// yaml writes the JSON of v as YAML, so that both have the same names in the same order.
func (o *output) yaml(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil { // JSON is YAML
		return err
	}
	blockStyle(&n)
	enc := yaml.NewEncoder(o.w)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return err
	}
	return enc.Close()
}

// blockStyle takes the braces and quotes of JSON away; the encoder puts quotes back where a text needs them.
func blockStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!str" {
		n.Style = 0
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// names writes the ids in v.
func (o *output) names(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var list []map[string]any
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		err = json.Unmarshal(b, &list)
	} else {
		list = make([]map[string]any, 1)
		err = json.Unmarshal(b, &list[0])
	}
	if err != nil {
		return fmt.Errorf("there are no ids to print: %w", err)
	}
	for _, item := range list {
		for _, key := range []string{"id", "client_id", "kid", "name"} {
			if id, ok := item[key].(string); ok && id != "" {
				fmt.Fprintln(o.w, printable(id))
				break
			}
		}
	}
	return nil
}

// printable replaces what a terminal would obey or a table would break at.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case obeyed(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// sayable is printable for a text of several lines.
func sayable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && obeyed(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// obeyed reports whether a character tells a terminal what to do instead of being shown: controls, line ends, and marks that turn the direction.
func obeyed(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// writeJSON writes v as JSON. JSON lets through some of what a terminal obeys, and says the same with an escape.
func writeJSON(w io.Writer, v any, indent string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	var out bytes.Buffer
	for _, r := range text.String() {
		if r != '\n' && obeyed(r) { // each is of the basic plane
			fmt.Fprintf(&out, "\\u%04x", r)
		} else {
			out.WriteRune(r)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}
