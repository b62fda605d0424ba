package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"

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
				return fmt.Errorf("errors: %d, warnings: %d", n, count(findings, doctor.Warning))
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
	f.DatabaseErr = err
	if err == nil {
		defer db.Close()
		f.Store = store.New(db)
	}
	f.Keyring, f.KeyringErr = readKeyring(c.KeyringFile)
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
	a.say("%d checks, %d warnings, %d errors.", len(list), count(list, doctor.Warning), count(list, doctor.Error))
}
