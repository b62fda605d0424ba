package account

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

// The formats of an import.
const (
	FormatAuto   = ""       // by the first letter
	FormatNDJSON = "ndjson" // one JSON object on each line
	FormatCSV    = "csv"    // the first line names the columns
)

const (
	ignored         = "-"     // a column that is left out
	maxImportLine   = 1 << 20 // bytes
	maxImportErrors = 10_000  // told one by one; the rest is counted
)

// ImportOptions say how to read an import and what to do with it.
type ImportOptions struct {
	DryRun  bool              // everything is checked, nothing is written
	Format  string            // FormatAuto, FormatNDJSON, FormatCSV
	Columns map[string]string // name in the file → our name, or "-" to leave it out
	Scheme  string            // of password hashes that name none; default secret.SchemeImported
	// Progress, if not nil, is told the count after each row.
	Progress func(Report)
}

// Report says what an import did.
type Report struct {
	DryRun  bool       `json:"dry_run,omitempty"`
	Rows    int        `json:"rows"`
	Created int        `json:"created"` // or would be, in a dry run
	Skipped int        `json:"skipped"` // there already, and the same
	Failed  int        `json:"failed"`
	Errors  []RowError `json:"errors,omitempty"`
}

// RowError says what is wrong with one row. It never shows a value of the row but an identifier.
type RowError struct {
	Line    int    `json:"line"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// row is one user of the file, or why it cannot be read.
type row struct {
	line int
	user NewUser
	err  error
}

// Import creates the users of a file, a few at a time, so that an import that was cut off is begun again and
// goes on where it was: a user who is there already and the same is skipped. One who is there and different is an error of
// that row and is left as they are. The error is for what ends the whole import: a file that cannot be read, a database that
// does not answer.
func (s *Service) Import(ctx context.Context, r io.Reader, o ImportOptions) (Report, error) {
	if err := checkImportOptions(o); err != nil {
		return Report{DryRun: o.DryRun}, err
	}
	i := &importer{Service: s, options: o, report: Report{DryRun: o.DryRun}, seen: seen{names: map[string]int{}, subs: map[string]int{}}}
	text := bufio.NewReaderSize(r, 64<<10)
	format, err := formatOf(text, o.Format)
	if err != nil {
		return i.report, err
	}
	read := readNDJSON
	if format == FormatCSV {
		read = readCSV
	}
	err = read(text, o.Columns, func(r row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return i.row(ctx, r)
	})
	if err == nil {
		err = i.flush(ctx)
	}
	if err != nil {
		return i.report, fmt.Errorf("import users, after %s: %w", idp.Counted(i.report.Rows, "row"), err)
	}
	return i.report, nil
}

// formatOf skips a byte order mark and white space and looks at what follows.
func formatOf(text *bufio.Reader, format string) (string, error) {
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		if _, err := text.Discard(3); err != nil {
			return "", fmt.Errorf("read the file: %w", err)
		}
	}
	switch format {
	case FormatNDJSON, FormatCSV:
		return format, nil
	case FormatAuto:
	default:
		return "", idp.Invalidf("format", "There is no format %.40q. Use %s or %s.", format, FormatNDJSON, FormatCSV)
	}
	for n := 1; n <= 4096; n++ {
		b, err := text.Peek(n)
		if len(b) < n {
			if errors.Is(err, io.EOF) {
				return FormatNDJSON, nil // nothing but white space
			}
			return "", fmt.Errorf("read the file: %w", err)
		}
		switch b[n-1] {
		case ' ', '\t', '\r', '\n':
		case '{':
			return FormatNDJSON, nil
		case '[':
			return "", idp.Invalidf("format", "The file is one JSON list. Write one object on each line instead, as `jq -c '.[]'` does.")
		default:
			return FormatCSV, nil
		}
	}
	return FormatCSV, nil
}

// readNDJSON calls each with every line that is not empty.
func readNDJSON(text *bufio.Reader, columns map[string]string, each func(row) error) error {
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxImportLine)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		r := row{line: n}
		if line, r.err = mapped(line, columns); r.err == nil {
			var rec record
			if rec, r.err = readRecord(line); r.err == nil {
				r.user = rec.user()
			}
		}
		if err := each(r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

type importer struct {
	*Service
	options ImportOptions
	report  Report
	seen    seen
	waiting []row // to be written together
}

// importTogether is how many rows share a transaction: a commit waits for the disk, and other writers wait for the transaction.
const importTogether = 50

// seen is what a dry run would have created, with its lines: nothing is written that a later row could meet.
type seen struct{ names, subs map[string]int }

// row handles one row, by and by; its error ends the import.
func (i *importer) row(ctx context.Context, r row) error {
	i.waiting = append(i.waiting, r)
	if len(i.waiting) < importTogether {
		return nil
	}
	return i.flush(ctx)
}

// flush handles the rows that wait: in one transaction if nothing is the matter with any, and each by itself otherwise.
func (i *importer) flush(ctx context.Context) error {
	rows := i.waiting
	i.waiting = i.waiting[:0]
	created, err := i.together(ctx, rows)
	for n, r := range rows {
		if err == nil {
			if err := i.settle(r, created[n], nil); err != nil {
				return err
			}
			continue
		}
		one, fault := false, r.err
		if fault == nil {
			one, fault = i.put(ctx, r)
		}
		if err := i.settle(r, one, fault); err != nil {
			return err
		}
	}
	return nil
}

var errSeparately = errors.New("not together")

// together creates the users of rows in one transaction and says which were not there already. After an error nothing has happened.
func (i *importer) together(ctx context.Context, rows []row) (created []bool, err error) {
	if i.options.DryRun || len(rows) < 2 {
		return nil, errSeparately
	}
	created = make([]bool, len(rows))
	var inserts []func(ctx context.Context) error
	for n, r := range rows {
		if r.err != nil {
			return nil, r.err
		}
		_, insert, err := i.judge(ctx, r)
		if err != nil {
			return nil, err
		}
		if insert != nil {
			created[n] = true
			inserts = append(inserts, insert)
		}
	}
	if len(inserts) == 0 {
		return created, nil
	}
	err = i.Store.InTx(ctx, func(ctx context.Context) error {
		for _, insert := range inserts {
			if err := insert(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return created, err
}

// settle counts what has become of a row; its error ends the import.
func (i *importer) settle(r row, created bool, err error) error {
	i.report.Rows++
	switch {
	case err == nil && created:
		i.report.Created++
	case err == nil:
		i.report.Skipped++
	default:
		faults := rowErrors(r.line, err)
		if faults == nil {
			return fmt.Errorf("line %d: %w", r.line, err)
		}
		i.report.Failed++
		if room := maxImportErrors - len(i.report.Errors); room > 0 {
			i.report.Errors = append(i.report.Errors, faults[:min(len(faults), room)]...)
		}
	}
	if i.options.Progress != nil {
		progress := i.report
		progress.Errors = nil
		i.options.Progress(progress)
	}
	return nil
}

// put creates the user of a row; created is false if they are there already.
func (i *importer) put(ctx context.Context, r row) (created bool, err error) {
	u, insert, err := i.judge(ctx, r)
	if err != nil || insert == nil || i.options.DryRun {
		return insert != nil, err
	}
	err = i.Store.InTx(ctx, insert)
	return err == nil, i.takenNew(ctx, u, err)
}

// judge returns the user of a row and what creates them, to be run in a transaction; nil if they are there already.
func (i *importer) judge(ctx context.Context, r row) (u *idp.User, insert func(ctx context.Context) error, err error) {
	n := r.user
	if n.Password != "" {
		return nil, nil, idp.Invalidf("password", "An import takes hashes only: give password_hash and password_scheme. A password in a file is known to whoever reads the file.")
	}
	if n.PasswordHash != "" && n.PasswordScheme == "" {
		n.PasswordScheme = i.options.Scheme
	}
	u, c, err := i.prepare(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	old, err := i.existing(ctx, u, n.Sub)
	if err != nil {
		return nil, nil, err
	}
	if old != nil {
		if n.Sub == "" {
			u.ID = old.User.ID // the file does not say
		}
		return nil, nil, differs(old.User, old.Credential, u, c)
	}
	insert = func(ctx context.Context) error {
		return i.insert(ctx, u, c, audit.Event{Type: audit.UserImported})
	}
	if i.options.DryRun {
		err = i.once(u, r.line)
	}
	return u, insert, err
}

// once remembers what a dry run would have created.
func (i *importer) once(u *idp.User, line int) error {
	names := identifiers(u)
	first := i.seen.subs[u.ID]
	if first == 0 {
		first = i.seen.names[idp.CanonicalIdentifier(u.ID)]
	}
	for _, name := range names {
		for _, taken := range []map[string]int{i.seen.names, i.seen.subs} {
			if l := taken[name]; l != 0 && first == 0 {
				first = l
			}
		}
	}
	if first != 0 {
		return &idp.Error{Kind: idp.Conflict, Message: fmt.Sprintf("Line %d has the same sub, e-mail address or username. Merge the two, or change one.", first)}
	}
	for _, name := range names {
		i.seen.names[name] = line
	}
	i.seen.subs[u.ID] = line
	return nil
}

func identifiers(u *idp.User) []string {
	var list []string
	if u.Email != "" {
		list = append(list, u.Email)
	}
	if name, ok := idp.CanonicalUsername(u.Username); ok {
		list = append(list, name)
	}
	return list
}

// differs says how a user who is there differs from one to be imported, or nil.
func differs(old *idp.User, oldPassword *idp.Credential, u *idp.User, c *idp.Credential) error {
	fields := differences(old, u)
	switch {
	case c == nil && oldPassword == nil:
	case c != nil && oldPassword == nil:
		fields = append(fields, "password_hash")
	case c != nil && oldPassword.Scheme != "" && (oldPassword.Scheme != c.Scheme || oldPassword.Secret != c.Secret):
		fields = append(fields, "password_hash")
		// A hash of ours has taken the imported one's place at a sign-in, or by a new password: both are the user's business.
	}
	if len(fields) == 0 {
		return nil
	}
	return &idp.Error{
		Kind: idp.Conflict, Code: "user_differs", Field: fields[0],
		Message: fmt.Sprintf("A user with this sub, address or username is there already and differs in: %s. An import changes nobody: update or delete that user first.", strings.Join(fields, ", ")),
	}
}

// rowErrors returns what a person can mend about a row, or nil if the error is not about the row.
func rowErrors(line int, err error) []RowError {
	var list []RowError
	for _, e := range flatten(err) {
		var known *idp.Error
		if !errors.As(e, &known) || known.Kind != idp.Invalid && known.Kind != idp.Conflict {
			return nil
		}
		list = append(list, RowError{Line: line, Field: known.Field, Message: known.Message})
	}
	return list
}

// flatten undoes errors.Join.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, flatten(e)...)
		}
		return list
	}
	return []error{err}
}

// checkImportOptions returns what is wrong with the mapping and the scheme.
func checkImportOptions(o ImportOptions) error {
	var faults []error
	for _, from := range slices.Sorted(maps.Keys(o.Columns)) {
		if to := o.Columns[from]; to != ignored && !knownColumn(to) {
			faults = append(faults, idp.Invalidf("columns", "The column %.80q is mapped to %.80q, which is no field of a user.", from, to))
		}
	}
	if err := secret.CheckScheme(importScheme(o.Scheme)); err != nil {
		faults = append(faults, idp.Invalidf("scheme", "The password scheme cannot be used: %v.", err))
	}
	return errors.Join(faults...)
}
