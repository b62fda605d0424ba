package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/secret"
)

func newHashCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Make and check password hashes",
		Long:  "Make and check password hashes, as for bootstrap.admin_password, seed files and imports. Passwords are typed, or read from standard input or a file, and never given as an argument.",
	}
	cmd.AddCommand(newHashGenerateCmd(a), newHashVerifyCmd(a))
	return cmd
}

func newHashGenerateCmd(a *app) *cobra.Command {
	var file string
	cmd := a.withConfig(&cobra.Command{
		Use:   "generate",
		Short: "Print the hash of a password, made as the settings say",
		Example: `  idp hash generate
  idp hash generate --password-file secret.txt --set password.memory=46MiB --set password.iterations=1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			h, err := secret.NewHasher(hasherConfig(c))
			if err != nil {
				return err
			}
			password, err := a.askSecret("password", file, true)
			if err != nil {
				return err
			}
			if err := (secret.Policy{MinLength: c.Password.MinLength}).Check(password); err != nil {
				a.say("Note: as a new password this one would be refused. %s", tell(err))
			}
			hash, err := h.Hash(cmd.Context(), password)
			if err != nil {
				return err
			}
			return a.print(hash + "\n")
		},
	})
	cmd.Flags().StringVar(&file, "password-file", "", "`file` that holds the password; - is standard input")
	return cmd
}

func newHashVerifyCmd(a *app) *cobra.Command {
	var file, hashFile, scheme string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Say whether a password fits a hash, also one from another program",
		Long: `Say whether a password fits a hash, also one from another program. Exit code 0 means that it fits, 1 that it does not. --scheme tells what an
import would say: imported (the default), or a name of docs/moving.md such as django, werkzeug, fs-hmac-bcrypt:SALT.`,
		Example: `  idp hash verify --hash-file hash.txt
  idp hash verify --hash-file hash.txt --scheme django --password-file - < password.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if hashFile == "" || hashFile == "-" {
				return usagef("name the file that holds the hash with --hash-file: as an argument, other users of the machine would see it")
			}
			text, err := readBounded(hashFile, maxTypedSecret)
			if err != nil {
				return err
			}
			hash, err := firstLine("hash", string(text))
			if err != nil {
				return err
			}
			hash = strings.TrimSpace(hash)
			if err := secret.CheckImport(secret.Scheme(scheme), hash); err != nil {
				return err
			}
			password, err := a.askSecret("password", file, false)
			if err != nil {
				return err
			}
			h, err := secret.NewHasher(secret.HasherConfig{})
			if err != nil {
				return err
			}
			result, err := h.Verify(cmd.Context(), secret.Scheme(scheme), hash, password)
			switch {
			case err != nil:
				return err
			case !result.OK:
				return errors.New("the password does not fit the hash")
			}
			a.say("The password fits the hash.")
			return nil
		},
	}
	cmd.Flags().StringVar(&hashFile, "hash-file", "", "`file` that holds the hash")
	cmd.Flags().StringVar(&file, "password-file", "", "`file` that holds the password; - is standard input")
	cmd.Flags().StringVar(&scheme, "scheme", string(secret.SchemeImported), "what made the hash")
	must(cmd.RegisterFlagCompletionFunc("scheme", cobra.FixedCompletions(schemes(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// schemes lists the names that --scheme takes.
func schemes() []string {
	var names []string
	for _, s := range []secret.Scheme{
		secret.SchemeImported, secret.SchemeArgon2, secret.SchemeBcrypt, secret.SchemeBcryptSHA256Hex, secret.SchemeWerkzeug, secret.SchemeDjango,
		secret.SchemePasslib, secret.SchemeCrypt, secret.SchemeLDAP, secret.SchemeFirebase, secret.SchemeFSBcrypt, secret.SchemeFSArgon2, secret.SchemeFSPBKDF2,
	} {
		names = append(names, string(s))
	}
	return names
}
