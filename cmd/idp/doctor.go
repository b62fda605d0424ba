package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/config"
	"idp/internal/directory"
	"idp/internal/doctor"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/store"
	"idp/internal/upstream"
)

func newDoctorCmd(a *app) *cobra.Command {
	cmd := a.withConfig(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this deployment, and say how to mend it",
		Long: `Look for what is wrong with this deployment, and say how to mend it: the issuer as browsers see it, certificate, proxy headers, cookies,
clocks, database, signing keys, encrypted secrets, files, upstream providers, authentication contexts that nobody can reach, and filters before the
token endpoint. Nothing is changed.
Run it where the server runs, as the same user, with the same configuration. It exits with 1 if there is an error; warnings are shown.`,
		Example: `  idp doctor
  idp doctor -o json | jq '.[] | select(.level != "ok")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			findings := a.examine(cmd.Context(), c)
			o := a.output()
			if err := o.object(findings, func() { a.showFindings(findings) }); err != nil {
				return err
			}
			if n := count(findings, doctor.Error); n > 0 {
				return errors.New(countedFindings(n, count(findings, doctor.Warning)) + ": each finding says how to mend it")
			}
			return nil
		},
	})
	return cmd
}

// examine collects the facts, as far as they can be had, and has them looked at.
func (a *app) examine(ctx context.Context, c *config.Config) []doctor.Finding {
	f := doctor.Facts{
		Issuer: c.Issuer, Listen: c.Listen, TrustedProxies: c.TrustedProxies, DataDir: c.DataDir,
		RotateEvery: c.Keys.RotateEvery, PublishBefore: c.Keys.PublishBefore,
		Upstream: upstream.New(upstream.Config{}), Contexts: c.Contexts(),
	}
	if _, err := os.Stat(c.DataDir); !c.SQLite() && errors.Is(err, fs.ErrNotExist) {
		f.DataDir = "" // with PostgreSQL nothing need be kept in it
	}
	if c.KeyringFile != "" {
		f.PrivateFiles = append(f.PrivateFiles, c.KeyringFile)
	}
	if c.SQLite() {
		f.PrivateFiles = append(f.PrivateFiles, sqlitePath(c))
	}
	if endsTLS(c) {
		var err error
		if f.TLS, err = healthTLS(a, c); err != nil {
			f.TLS = &tls.Config{MinVersion: tls.VersionTLS12} // the server ends TLS all the same
		}
	}
	db, err := openDatabase(ctx, c, false)
	f.DatabaseMend, f.DatabaseErr = causeAndMend(err)
	if err == nil {
		defer db.Close()
		f.Store = store.New(db)
	}
	f.Keyring, err = readKeyring(c.KeyringFile)
	f.KeyringMend, f.KeyringErr = causeAndMend(err)
	switch {
	case c.KeyringFile == "":
		f.KeyringErr, f.KeyringMend = errors.New("the setting keyring_file is empty"), "Set it to the file that all replicas have; `idp key ring new` prints one."
	case errors.Is(err, fs.ErrNotExist):
		f.KeyringErr = fmt.Errorf("the file %s is not there", c.KeyringFile)
		f.KeyringMend = "Bring the file back, or set keyring_file to where it is: without it nothing that is encrypted in the database can be read."
		if f.DatabaseErr != nil && c.CreateKeyring() {
			f.KeyringMend = "A server that starts for the first time makes it. If it ran before, bring the file back, or name its folder with --data-dir."
		}
	}
	if f.DatabaseErr == nil && f.KeyringErr == nil {
		f.Sealed = sealedFacts(ctx, f.Store)
		f.OpenProvider = func(row *store.SealedProvider) (*idp.Provider, error) { return directory.Open(row, f.Keyring) }
		f.DescribeKeys = func(ctx context.Context) ([]keys.Info, error) {
			m := &keys.Manager{Config: keys.Config{Store: f.Store, Keyring: f.Keyring, Logger: a.commandLogger()}}
			if err := m.Reload(ctx); err != nil { // keys.New would make what is missing, and we only look
				return nil, err
			}
			return m.List(), nil
		}
	}
	return doctor.Run(ctx, f)
}

func sealedFacts(ctx context.Context, s *store.Store) []doctor.Sealed {
	values, err := sealedValues(ctx, s)
	if err != nil {
		return nil // the check of the database says why
	}
	list := make([]doctor.Sealed, len(values))
	for i, v := range values {
		list[i] = doctor.Sealed{What: v.what, Value: v.sealed, Binding: v.binding}
	}
	return list
}

func count(list []doctor.Finding, level doctor.Level) int {
	n := 0
	for _, f := range list {
		if f.Level == level {
			n++
		}
	}
	return n
}

// showFindings prints a line for each finding and, below it, the mend.
func (a *app) showFindings(list []doctor.Finding) {
	signs := map[doctor.Level]string{doctor.OK: "ok     ", doctor.Warning: "warning", doctor.Error: "error  "}
	if a.colour(a.out) {
		signs = map[doctor.Level]string{doctor.OK: "\x1b[32mok     \x1b[0m", doctor.Warning: "\x1b[33mwarning\x1b[0m", doctor.Error: "\x1b[31merror  \x1b[0m"}
	}
	for _, f := range list {
		fmt.Fprintf(a.out, "%s  %s: %s\n", signs[f.Level], f.Check, printable(f.Cause))
		if f.Mend != "" {
			fmt.Fprintf(a.out, "         -> %s\n", printable(f.Mend))
		}
	}
	switch errs, warnings := count(list, doctor.Error), count(list, doctor.Warning); {
	case errs > 0: // told as the error that ends the command
	case warnings > 0:
		a.say("There is no error, but %s.", countedFindings(0, warnings))
	default:
		a.say("All is well.")
	}
}

// countedFindings says how many of which, as far as there are any.
func countedFindings(errs, warnings int) string {
	var words []string
	for _, c := range []struct {
		n    int
		word string
	}{{errs, "error"}, {warnings, "warning"}} {
		if c.n > 0 {
			words = append(words, idp.Counted(c.n, c.word))
		}
	}
	return strings.Join(words, " and ")
}
