package account

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"idp/internal/idp"
)

// Columns of a CSV file that are not plain text. Every other known column is.
const (
	textColumns = " sub email username password password_hash password_scheme state name given_name family_name middle_name nickname profile picture" +
		" website gender birthdate zoneinfo locale phone_number "
	boolColumns    = " email_verified phone_number_verified "
	rolesColumn    = "roles"
	addressColumns = " address.formatted address.street_address address.locality address.region address.postal_code address.country "
	customPrefix   = "custom."
)

func knownColumn(name string) bool {
	return in(textColumns, name) || in(boolColumns, name) || in(addressColumns, name) || name == rolesColumn || name == "address" || name == "custom" ||
		strings.HasPrefix(name, customPrefix) && len(name) > len(customPrefix)
}

func in(list, word string) bool { return word != "" && strings.Contains(list, " "+word+" ") }

// readCSV calls each with every record behind the header. A record that cannot be read is an error of its row; the reader goes
// on behind it.
func readCSV(text *bufio.Reader, columns map[string]string, each func(row) error) error {
	r := csv.NewReader(text)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return idp.Invalidf("", "The first line of the file must name the columns, but it cannot be read: %s.", csvFault(err))
	}
	targets, err := csvTargets(header, columns)
	if err != nil {
		return err
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var out row
		var broken *csv.ParseError
		switch {
		case err == nil:
			out.line, _ = r.FieldPos(0)
			out.user, out.err = csvUser(targets, fields)
		case errors.As(err, &broken):
			out.line, out.err = broken.StartLine, idp.Invalidf("", "The line cannot be read: %s.", csvFault(err))
		default:
			return fmt.Errorf("read the file: %w", err)
		}
		if err := each(out); err != nil {
			return err
		}
	}
}

// csvFault is the parser's reason without its position, which the row has, and without any of the text.
func csvFault(err error) string {
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		return strings.ReplaceAll(broken.Err.Error(), `"`, "a quotation mark")
	}
	return "it is no CSV"
}

// csvTargets returns our name for each column.
func csvTargets(header []string, columns map[string]string) ([]string, error) {
	targets := make([]string, len(header))
	seen := map[string]string{}
	var faults []error
	for i, name := range header {
		name = strings.TrimSpace(name)
		target, ok := columns[name]
		if !ok {
			target = strings.ToLower(name)
		}
		targets[i] = target
		switch {
		case target == ignored:
		case !knownColumn(target) || target == "address" || target == "custom":
			faults = append(faults, idp.Invalidf("columns", "The column %.80q is no field of a user. Map it to one, as in --column mail=email, or leave it out, as in --column mail=-.", name))
		case seen[target] != "":
			faults = append(faults, idp.Invalidf("columns", "The columns %.80q and %.80q both go to %s. Map one of them to - to leave it out.", seen[target], name, target))
		default:
			seen[target] = name
		}
	}
	return targets, errors.Join(faults...)
}

// csvUser makes the record that an NDJSON line would have held, so that both formats mean the same.
func csvUser(targets, fields []string) (NewUser, error) {
	object := map[string]any{}
	address, custom := map[string]any{}, map[string]any{}
	for i, text := range fields {
		target := targets[i]
		text = strings.TrimSpace(text)
		if target == ignored || text == "" {
			continue
		}
		switch {
		case in(boolColumns, target):
			b, ok := boolean(text)
			if !ok {
				return NewUser{}, idp.Invalidf(target, "Write true or false.")
			}
			object[target] = b
		case target == rolesColumn:
			object[target] = strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;|", r) })
		case in(addressColumns, target):
			address[strings.TrimPrefix(target, "address.")] = text
		case strings.HasPrefix(target, customPrefix):
			custom[strings.TrimPrefix(target, customPrefix)] = text
		default:
			object[target] = text
		}
	}
	if len(address) > 0 {
		object["address"] = address
	}
	if len(custom) > 0 {
		object["custom"] = custom
	}
	b, err := json.Marshal(object)
	if err != nil {
		return NewUser{}, fmt.Errorf("encode a line: %w", err)
	}
	rec, err := readRecord(b)
	return rec.user(), err
}

func boolean(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}
