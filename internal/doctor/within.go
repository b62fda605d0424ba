package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/store/sqldb"
	"idp/internal/upstream"
)

// files checks that nobody else on the machine reads or replaces what is secret.
func (f Facts) files(r *report) {
	info, err := os.Stat(f.DataDir)
	switch {
	case f.DataDir == "":
	case errors.Is(err, fs.ErrNotExist):
		r.warn("data_dir", fmt.Sprintf("The data folder %s is not there.", f.DataDir), "Start the server once, or run this where it runs, or name its folder with --data-dir.")
	case err != nil:
		r.fail("data_dir", fmt.Sprintf("The data folder %s cannot be looked at: %s.", f.DataDir, err), "Run this as the user that the server runs as.")
	case !info.IsDir():
		r.fail("data_dir", f.DataDir+" is no folder.", "Name another one with data_dir.")
	case info.Mode().Perm()&0o022 != 0:
		r.fail("data_dir", fmt.Sprintf("Others may write into the data folder %s (mode %04o), so they can replace the database.", f.DataDir, info.Mode().Perm()), "chmod 700 "+f.DataDir)
	default:
		r.ok("data_dir", f.DataDir+" is the server's own.")
		if free, known := freeBytes(f.DataDir); known {
			disk(r, f.DataDir, free)
		}
	}
	for _, path := range f.PrivateFiles {
		info, err := os.Stat(path)
		if err != nil {
			continue // whoever needs the file says that it is missing
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			r.warn("files", fmt.Sprintf("Other users of this machine can open %s (mode %04o).", path, mode), "chmod 600 "+path)
			continue
		}
		if folder, err := os.Stat(filepath.Dir(path)); err == nil && filepath.Dir(path) == filepath.Clean(f.DataDir) && !sameOwner(folder, info) {
			r.warn("files", fmt.Sprintf("%s belongs to another user than its folder, so the server may be unable to open it.", path), fmt.Sprintf("chown --reference=%s %s", f.DataDir, path))
			continue
		}
		r.ok("files", path+" is readable by its owner only.")
	}
}

// clockTolerance is how far two clocks may be apart before tokens are refused: client libraries allow about a minute.
const (
	clockNoticed  = 5 * time.Second
	clockHarmful  = 30 * time.Second
	rotationGrace = 48 * time.Hour // how late a scheduled rotation may be before somebody should look
)

// database reports whether the database can be read.
func (f Facts) database(ctx context.Context, r *report) bool {
	const mend = "Check database.url, and that the database runs and lets this machine in."
	if f.DatabaseErr != nil {
		r.fail("database", "The database cannot be opened: "+sentence(f.DatabaseErr), cmp.Or(f.DatabaseMend, mend))
		return false
	}
	db := f.Store.Engine()
	if err := db.Ping(ctx); err != nil {
		r.fail("database", "The database does not answer: "+sqldb.Reason(err)+".", mend)
		return false
	}
	version, now := "SELECT 'SQLite ' || sqlite_version()", "SELECT strftime('%s', CURRENT_TIMESTAMP)"
	if db.Name() == "postgres" {
		version, now = "SELECT 'PostgreSQL ' || current_setting('server_version')", "SELECT floor(extract(epoch FROM CURRENT_TIMESTAMP))::text"
	}
	var text string
	if err := db.QueryRow(ctx, version).Scan(&text); err != nil {
		r.fail("database", "The database does not say its version: "+sqldb.Reason(err)+".", "Check that the database user may use the database.")
		return false
	}
	r.ok("database", text+" answers.")
	current := f.migrations(ctx, r)
	before := time.Now()
	var seconds string
	if err := db.QueryRow(ctx, now).Scan(&seconds); err == nil {
		var epoch int64
		if _, err := fmt.Sscan(seconds, &epoch); err == nil {
			f.clock(r, "database_clock", "the database's clock", time.Unix(epoch, 0), before)
		}
	}
	return current
}

// migrations reports whether the tables are those of this program.
func (f Facts) migrations(ctx context.Context, r *report) bool {
	states, err := f.Store.MigrationStatus(ctx)
	if newer := (*sqldb.NewerError)(nil); errors.As(err, &newer) {
		r.fail("migrations", capital(newer.Error())+".", "Run that version, or restore the backup from before the upgrade.")
		return false
	}
	if err != nil {
		r.fail("migrations", "The state of the schema cannot be read: "+sqldb.Reason(err)+".", "Check that the database user may read the table goose_db_version.")
		return false
	}
	var missing []string
	for _, s := range states {
		if s.AppliedAt.IsZero() {
			missing = append(missing, s.Name)
		}
	}
	if len(missing) > 0 {
		r.fail("migrations", "The database lacks "+strings.Join(missing, ", ")+".", "Run `idp migrate up`, or start the server, which does it.")
		return false
	}
	r.ok("migrations", fmt.Sprintf("The schema is up to date, with %s applied.", idp.Counted(len(states), "migration")))
	return true
}

// clock compares another clock, which tells whole seconds, with this machine's.
func (f Facts) clock(r *report, check, whose string, theirs, ours time.Time) {
	apart := ours.Sub(theirs)
	if apart < 0 {
		apart = -apart
	}
	const mend = "Synchronise both with NTP: tokens carry times, and applications refuse those from the future."
	switch {
	case apart > clockHarmful:
		r.fail(check, fmt.Sprintf("%s and this machine's are %s apart.", capital(whose), apart.Round(time.Second)), mend)
	case apart > clockNoticed:
		r.warn(check, fmt.Sprintf("%s and this machine's are %s apart.", capital(whose), apart.Round(time.Second)), mend)
	default:
		r.ok(check, capital(whose)+" agrees with this machine's.")
	}
}

func (f Facts) secrets(r *report) {
	if f.KeyringErr != nil {
		r.fail("key_ring", "The key ring cannot be used: "+sentence(f.KeyringErr), cmp.Or(f.KeyringMend, "Bring the file back: without it nothing that is encrypted in the database can be read."))
		return
	}
	if f.DatabaseErr != nil {
		r.ok("key_ring", "The key ring can be read.")
		return
	}
	waiting, broken := 0, 0
	for _, v := range f.Sealed {
		if _, err := f.Keyring.Open(v.Value, v.Binding); err != nil {
			broken++
			r.fail("key_ring", fmt.Sprintf("The %s does not open: its key is no longer in the ring, or the row was altered.", v.What), "Add the old key to the ring's file again, or replace the value.")
		} else if !f.Keyring.SealedWithActive(v.Value) {
			waiting++
		}
	}
	if waiting > 0 {
		r.warn("key_ring", fmt.Sprintf("An older key of the ring still encrypts %s.", idp.Counted(waiting, "value")), "Run `idp key ring reseal`.")
	}
	if broken == 0 {
		r.ok("key_ring", fmt.Sprintf("The key ring opens all that is encrypted, %s.", idp.Counted(len(f.Sealed), "value")))
	}
}

func (f Facts) signingKeys(ctx context.Context, r *report, now time.Time) {
	if f.DatabaseErr != nil || f.KeyringErr != nil || f.DescribeKeys == nil {
		return // the cause has been told
	}
	list, err := f.DescribeKeys(ctx)
	if err != nil {
		r.fail("signing_keys", "The signing keys cannot be read: "+sentence(err), "See the findings about the database and the key ring; the server's log may say more.")
		return
	}
	if len(list) == 0 {
		r.warn("signing_keys", "There are no signing keys yet.", "Start the server: it makes them.")
		return
	}
	next := map[string]bool{}
	for _, k := range list {
		if k.State == keys.StateNext {
			next[k.Algorithm] = true
		}
	}
	for _, k := range list {
		age := now.Sub(k.ActiveAt)
		switch due := k.ActiveAt.Add(f.RotateEvery); {
		case k.State != keys.StateSigning && k.State != keys.StateDecrypting:
		case f.RotateEvery > 0 && !next[k.Algorithm] && now.After(due.Add(rotationGrace)):
			r.warn("signing_keys", fmt.Sprintf("The %s key %s is %s old and was due for rotation on %s.", k.Algorithm, k.ID, days(age), due.Format(time.DateOnly)),
				fmt.Sprintf("The running server rotates keys by itself; look for \"rotate\" in its log, or run `idp key rotate --alg %s`.", k.Algorithm))
		default:
			r.ok("signing_keys", fmt.Sprintf("The %s key %s is %s old; its successor is due on %s.", k.Algorithm, k.ID, days(age), due.Format(time.DateOnly)))
		}
	}
}

func (f Facts) upstreams(ctx context.Context, r *report) {
	if f.DatabaseErr != nil || f.KeyringErr != nil || f.Upstream == nil {
		return
	}
	rows, err := f.Store.Providers(ctx)
	if err != nil {
		return // the database has been told of
	}
	for _, row := range rows {
		check := "provider " + row.ID
		if row.Disabled {
			r.ok(check, "It is switched off.")
			continue
		}
		p, err := f.OpenProvider(row)
		if err != nil {
			continue // told as a value that does not open
		}
		well := true
		for _, finding := range f.Upstream.Test(ctx, *p) {
			if finding.Level == upstream.LevelOK {
				continue
			}
			well = false
			r.findings = append(r.findings, Finding{Check: check, Level: Level(finding.Level), Cause: capital(finding.Cause) + ".", Mend: finding.Mend})
		}
		if well {
			r.ok(check, "It can be reached, and its answers are usable.")
		}
	}
}

// contexts checks that some sign-in leads to each authentication context, and that no provider's word is for one that there is not.
func (f Facts) contexts(ctx context.Context, r *report) {
	if f.DatabaseErr != nil {
		return
	}
	rows, err := f.Store.Providers(ctx)
	if err != nil {
		return // the database has been told of
	}
	vouching := map[string][]string{} // by context
	off := map[string]string{}        // a provider that is switched off, by context
	for _, row := range rows {
		for _, name := range row.Vouchable() {
			switch {
			case row.Disabled:
				off[name] = row.ID
			case !f.Contexts.Has(name):
				r.warn("provider "+row.ID, "It vouches for "+name+", which is no authentication context here: nobody gets it.",
					"Add it to the setting authentication_contexts, or `idp provider update "+row.ID+" --vouches-for …` without it.")
			default:
				vouching[name] = append(vouching[name], row.ID)
			}
		}
	}
	for _, c := range f.Contexts {
		check := "context " + c.ACR
		switch {
		case len(c.AMR) > 0: // of methods that there are, or the settings would be refused
			r.ok(check, "Sign-ins here lead to it: "+strings.Join(c.AMR, " and ")+".")
		case len(vouching[c.ACR]) > 0:
			r.ok(check, "Who vouches for it: "+strings.Join(vouching[c.ACR], ", ")+".")
		case off[c.ACR] != "":
			r.warn(check, "No sign-in leads to it: the provider "+off[c.ACR]+", which vouches for it, is switched off. Applications that demand it are refused.",
				"`idp provider update "+off[c.ACR]+" --disabled=false`, or take it out of authentication_contexts.")
		default:
			r.warn(check, "No sign-in leads to it: it has no method of this server, and no provider vouches for it. Applications that demand it are refused.",
				"`idp provider update ID --vouches-for \""+c.ACR+" acr=…\"`, or take it out of authentication_contexts.")
		}
	}
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Minute).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// sentence ends an error's text like a sentence.
func sentence(err error) string { return strings.TrimSuffix(err.Error(), ".") + "." }

func capital(s string) string {
	if s == "" || strings.HasPrefix(s, "http") { // an address is no word
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
