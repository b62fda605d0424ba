package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
)

func newUserCreateCmd(a *app) *cobra.Command {
	var passwordFile, hashFile, scheme, sub string
	var without bool
	cmd := &cobra.Command{
		Use:   "create [EMAIL|USERNAME]",
		Short: "Make an account",
		Long: `Make an account. The password is typed, or read from --password-file, and never given as an argument. With --no-password the person signs in through
an upstream provider alone, until a password is set; the provider must link automatically, because the account has nothing to prove itself with.`,
		Example: `  idp user create ann@example.com --name "Ann Example" --email-verified
  idp user create ops --role admin --password-file password.txt
  idp user create bob@example.com --password-hash-file bob.hash --password-scheme django`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		doc := map[string]any{}
		if err := readFields(cmd, userFields(), doc); err != nil {
			return err
		}
		if err := nameUser(doc, args); err != nil {
			return err
		}
		var err error
		switch {
		case without && passwordFile+hashFile != "":
			return usagef("--no-password means that there is none: leave --password-file and --password-hash-file out")
		case without:
		case hashFile != "":
			if passwordFile != "" {
				return usagef("name --password-file or --password-hash-file, not both")
			}
			doc["password_hash"], err = a.askSecret("password hash", hashFile, false)
			doc["password_scheme"] = scheme
		case passwordFile != "" || isTerminal(a.in):
			doc["password"], err = a.askSecret("password", passwordFile, true)
		default:
			return usagef("nobody can be asked for the password here: name --password-file, --password-hash-file or --no-password")
		}
		if err != nil {
			return err
		}
		var n api.NewUser
		if err := through(doc, &n); err != nil {
			return err
		}
		n.Sub = sub
		u, err := b.CreateUser(ctx, n)
		if err != nil {
			return err
		}
		a.say("Made the account %s.", u.ID)
		o := a.output()
		return o.object(u, func() { o.user(u) })
	})
	addFields(cmd, userFields())
	f := cmd.Flags()
	f.StringVar(&sub, "sub", "", "their id, if applications know them by one from another provider")
	f.StringVar(&passwordFile, "password-file", "", "`file` that holds the password; - is standard input")
	f.StringVar(&hashFile, "password-hash-file", "", "`file` that holds a hash from elsewhere, in place of a password")
	f.StringVar(&scheme, "password-scheme", "", "what made the hash, if it does not say so itself")
	f.BoolVar(&without, "no-password", false, "make the account without a password")
	must(cmd.RegisterFlagCompletionFunc("password-scheme", cobra.FixedCompletions(schemes(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// nameUser takes the argument as an address or a username.
func nameUser(doc map[string]any, args []string) error {
	if len(args) == 0 {
		return nil
	}
	member := "username"
	if strings.Contains(args[0], "@") {
		member = "email"
	}
	if _, twice := doc[member]; twice {
		return usagef("the %s is given twice: as argument and by --%s", member, member)
	}
	doc[member] = args[0]
	return nil
}

func newUserUpdateCmd(a *app) *cobra.Command {
	var patchFile string
	cmd := &cobra.Command{
		Use:   "update USER",
		Short: "Change a user; a new address ends their sessions",
		Example: `  idp user update ann@example.com --add-role staff
  idp user update ann@example.com --email ann@example.org --email-verified
  echo '{"profile":{"custom":{"badge":"17"}}}' | idp user update ann@example.com --patch -`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(completeUsers),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		patch, err := a.readPatch(patchFile)
		if err != nil {
			return err
		}
		if err := readFields(cmd, userFields(), patch); err != nil {
			return err
		}
		u, err := b.findUser(ctx, args[0])
		if err != nil {
			return err
		}
		err = editLists(cmd, userListEdits(), patch, func(string) ([]string, error) { return u.Roles, nil })
		if err != nil {
			return err
		}
		if len(patch) == 0 {
			return usagef("nothing is to be changed: name at least one flag, `idp user update --help` lists them")
		}
		if u, err = b.UpdateUser(ctx, u.ID, patch); err != nil {
			return err
		}
		a.say("Changed the user %s.", u.ID)
		o := a.output()
		return o.object(u, func() { o.user(u) })
	})
	addFields(cmd, userFields())
	addListEdits(cmd, userListEdits())
	cmd.Flags().StringVar(&patchFile, "patch", "", "`file` that holds a JSON Merge Patch; - is standard input")
	return cmd
}
