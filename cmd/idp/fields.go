package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fieldKind says how a flag's text becomes a member of a JSON document.
type fieldKind int

const (
	fieldText     fieldKind = iota
	fieldWords              // several, parted by commas or by repeating the flag
	fieldList               // several, by repeating the flag: a value may hold a comma
	fieldSwitch             // true, or false with =false
	fieldSeconds            // a duration
	fieldVouchers           // several, by repeating the flag: what an upstream vouches for, and when
	fieldPairs              // name=value, by repeating the flag; without a value it is taken away
	fieldJSON               // a file that holds JSON; an empty name takes the member away
)

// field is a flag that stands for a member of the document that the API takes. One table of them describes a noun for create and
// for update.
type field struct {
	flag   string
	member string // "contract.id_token_alg" is a member of a member
	kind   fieldKind
	usage  string
	values []string // that completion offers
}

// addFields adds the flags of a table to a command.
func addFields(cmd *cobra.Command, fields []field) {
	for _, f := range fields {
		addField(cmd.Flags(), f)
		if f.values != nil {
			must(cmd.RegisterFlagCompletionFunc(f.flag, cobra.FixedCompletions(f.values, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
}

func addField(flags *pflag.FlagSet, f field) {
	switch f.kind {
	case fieldWords:
		flags.StringSlice(f.flag, nil, f.usage)
	case fieldList, fieldVouchers, fieldPairs:
		flags.StringArray(f.flag, nil, f.usage)
	case fieldSwitch:
		flags.Bool(f.flag, false, f.usage)
	default:
		flags.String(f.flag, "", f.usage)
	}
}

// readFields writes the flags that were given into a document; those that were not are left out.
func readFields(cmd *cobra.Command, fields []field, doc map[string]any) error {
	for _, f := range fields {
		given := cmd.Flags().Lookup(f.flag)
		if given == nil || !given.Changed {
			continue
		}
		value, err := f.read(cmd.Flags())
		if err != nil {
			return err
		}
		setMember(doc, f.member, value)
	}
	return nil
}

func (f field) read(flags *pflag.FlagSet) (any, error) {
	switch f.kind {
	case fieldWords:
		list, err := flags.GetStringSlice(f.flag)
		return notNil(list), err
	case fieldList:
		list, err := flags.GetStringArray(f.flag)
		return notNil(slices.DeleteFunc(list, func(s string) bool { return s == "" })), err // --redirect-uri "" empties the list
	case fieldVouchers:
		list, err := flags.GetStringArray(f.flag)
		if err != nil {
			return nil, err
		}
		return readVouchers(f.flag, list)
	case fieldPairs:
		list, err := flags.GetStringArray(f.flag)
		if err != nil {
			return nil, err
		}
		return readPairs(f.flag, list)
	case fieldSwitch:
		return flags.GetBool(f.flag)
	case fieldSeconds:
		text, err := flags.GetString(f.flag)
		if err != nil {
			return nil, err
		}
		d, err := readDuration(text)
		if err != nil {
			return nil, usagef("--%s %q is no duration: write a number and its unit, such as 90s, 10m, 24h or 30d", f.flag, text)
		}
		return int64(d / time.Second), nil
	case fieldJSON:
		name, err := flags.GetString(f.flag)
		if err != nil || name == "" {
			return nil, err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if !json.Valid(text) {
			return nil, fmt.Errorf("--%s: %s holds no JSON", f.flag, name)
		}
		return json.RawMessage(text), nil
	default:
		return flags.GetString(f.flag)
	}
}

// readPairs reads name=value into a merge patch.
func readPairs(flag string, list []string) (map[string]any, error) {
	pairs := map[string]any{}
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, usagef("--%s %q: write name=value, or name= to take it away", flag, text)
		}
		pairs[name] = nil
		if value != "" {
			pairs[name] = value
		}
	}
	return pairs, nil
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// setMember sets a member of a document, or of a document in it.
func setMember(doc map[string]any, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		doc[name] = value
		return
	}
	inner, ok := doc[name].(map[string]any)
	if !ok {
		inner = map[string]any{}
		doc[name] = inner
	}
	setMember(inner, rest, value)
}

// readDuration reads a Go duration, or days in front of one.
func readDuration(text string) (time.Duration, error) {
	number, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	days, err := strconv.Atoi(number)
	if err != nil || days < 0 || days > 36500 {
		return 0, fmt.Errorf("%q is no number of days", number)
	}
	d := time.Duration(days) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	return d + more, err
}

// listEdit is a pair of flags that change a list without saying all of it.
type listEdit struct {
	flag   string // --add-… and --remove-…
	member string
}

func addListEdits(cmd *cobra.Command, edits []listEdit) {
	for _, e := range edits {
		cmd.Flags().StringArray("add-"+e.flag, nil, "`value` to add to the list; may be repeated")
		cmd.Flags().StringArray("remove-"+e.flag, nil, "`value` to take from the list; may be repeated")
	}
}

// editLists reads these flags, and asks for the lists as they stand only if one was given.
func editLists(cmd *cobra.Command, edits []listEdit, doc map[string]any, stands func(member string) ([]string, error)) error {
	for _, e := range edits {
		add, err := cmd.Flags().GetStringArray("add-" + e.flag)
		if err != nil {
			return err
		}
		remove, err := cmd.Flags().GetStringArray("remove-" + e.flag)
		if err != nil {
			return err
		}
		if len(add)+len(remove) == 0 {
			continue
		}
		if _, both := doc[e.member]; both {
			return usagef("--%s says the whole list, so --add-%s and --remove-%s have nothing to change: use one or the other", e.flag, e.flag, e.flag)
		}
		list, err := stands(e.member)
		if err != nil {
			return err
		}
		for _, value := range remove {
			if !slices.Contains(list, value) {
				return usagef("--remove-%s %s: the list has no such entry, it is: %s", e.flag, value, strings.Join(list, " "))
			}
		}
		list = slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(remove, v) })
		for _, value := range add {
			if !slices.Contains(list, value) {
				list = append(list, value)
			}
		}
		doc[e.member] = notNil(list)
	}
	return nil
}
