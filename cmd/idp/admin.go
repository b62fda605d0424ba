package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/account"
	"idp/internal/idp"
)

// setupFile holds the address with the first administrator's one-time token, in the data folder; the server writes it too.
const setupFile = "setup-token"

func newAdminCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "admin",
		Short: "The first administrator, and the way back in",
		Long:  "The first administrator, and the way back in. These commands work on the database itself, so whoever may read it may run them.",
	})
	cmd.AddCommand(newBootstrapCmd(a), newRecoverCmd(a))
	return cmd
}

func newBootstrapCmd(a *app) *cobra.Command {
	var email, username, passwordFile string
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make the first administrator, or a new one-time token for making one",
		Long: `Make the first administrator. Without flags a new one-time address is written to the file setup-token in the data folder, readable by its
owner only; whoever opens it within a day becomes the administrator. With --email or --username the administrator is made here and now. Once there is an administrator, make others with ` + "`idp user create --role admin`" + `.`,
		Example: `  idp admin bootstrap
  idp admin bootstrap --email ops@example.com --password-file password.txt`,
		Args: cobra.NoArgs,
		RunE: a.offline(func(ctx context.Context, s *services, _ []string) error {
			if email == "" && username == "" {
				if passwordFile != "" {
					return usagef("--password-file needs --email or --username: a password alone is nobody's")
				}
				return a.bootstrapToken(ctx, s)
			}
			// The token is asked for first, so that nobody types a password in vain; it never leaves this process.
			token, err := s.accounts.IssueBootstrapToken(ctx)
			if err != nil {
				return err
			}
			password, err := a.askSecret("password", passwordFile, true)
			if err != nil {
				return err
			}
			u, err := s.accounts.BootstrapAdmin(ctx, token, account.NewUser{Email: email, EmailVerified: email != "", Username: username, Password: password})
			if err != nil {
				return err
			}
			s.removeBootstrapToken(ctx)
			o := a.output()
			err = o.object(struct {
				ID string `json:"id"`
			}{u.ID}, func() {
				o.fields([2]string{"id", u.ID}, [2]string{"email", u.Email}, [2]string{"username", u.Username})
			})
			a.say("The first administrator can sign in at %s/login.", s.config.Issuer)
			return err
		}),
	}
	cmd.Flags().StringVar(&email, "email", "", "the administrator's address, which you vouch for")
	cmd.Flags().StringVar(&username, "username", "", "the administrator's username")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "`file` that holds the password; - is standard input")
	return cmd
}

// bootstrapToken puts a one-time token where only the operator finds it: never on a screen, which may be a log.
func (a *app) bootstrapToken(ctx context.Context, s *services) error {
	path, err := s.writeBootstrapToken(ctx)
	if err != nil {
		return err
	}
	o := a.output()
	err = o.object(struct {
		File string `json:"file"`
		URL  string `json:"url"`
	}{path, s.config.Issuer + "/setup"}, func() { o.fields([2]string{"file", path}, [2]string{"page", s.config.Issuer + "/setup"}) })
	a.say("Open the address that is in the file. It works once, within a day. Without JavaScript, open the page and type what stands behind token=.")
	return err
}

// writeBootstrapToken makes a new one-time token for the first administrator and returns the private file that it is in.
func (s *services) writeBootstrapToken(ctx context.Context) (path string, err error) {
	if path, err = filepath.Abs(filepath.Join(s.config.DataDir, setupFile)); err != nil {
		return "", err
	}
	if err := makeDataDir(s.config); err != nil { // with PostgreSQL nothing else may be kept in it
		return "", err
	}
	token, err := s.accounts.IssueBootstrapToken(ctx)
	if err != nil {
		return "", err
	}
	return path, replacePrivate(path, s.config.Issuer+"/setup#token="+token+"\n") // setup.js reads it
}

// removeBootstrapToken removes the file of a token that is spent, or of no use because there is an administrator: what looks like a
// secret should be one. It tells the log if it cannot, and harms nobody.
func (s *services) removeBootstrapToken(ctx context.Context) {
	err := os.Remove(filepath.Join(s.config.DataDir, setupFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.logger.WarnContext(ctx, "the file of the spent set-up token stays", slog.Any("error", err))
	}
}

func newRecoverCmd(a *app) *cobra.Command {
	var passwordFile string
	var grant bool
	cmd := &cobra.Command{
		Use:   "recover USER",
		Short: "Let an administrator who lost access back in, with a new password",
		Long: `Let an administrator who lost access back in: the account is enabled if need be, gets a new password, and every session of it ends. USER is an
id, an e-mail address or a username.`,
		Example: `  idp admin recover ops@example.com
  idp admin recover ann --grant --password-file password.txt`,
		Args: cobra.ExactArgs(1),
		RunE: a.offline(func(ctx context.Context, s *services, args []string) error {
			u, err := findUser(ctx, s, args[0])
			if err != nil {
				return err
			}
			if !u.HasRole(idp.RoleAdmin) && !grant {
				return usagef("%s is no administrator: add --grant to make them one, or set a password with `idp user set-password`", args[0])
			}
			password, err := a.askSecret("password", passwordFile, true)
			if err != nil {
				return err
			}
			if err := a.recover(ctx, s, u, password); err != nil {
				return err
			}
			a.say("%s has a new password and can sign in at %s/login. All older sessions have ended.", args[0], s.config.Issuer)
			return nil
		}),
	}
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "`file` that holds the new password; - is standard input")
	cmd.Flags().BoolVar(&grant, "grant", false, "make the user an administrator if they are none")
	return cmd
}

// recover enables the account, makes it an administrator and sets its password. A password that is refused undoes nothing of what came
// before, and nothing of that opens a door by itself: the old password is not made to work.
func (a *app) recover(ctx context.Context, s *services, u *idp.User, password string) error {
	if err := s.policy.Check(password, u.Email, u.Username, u.Profile.Name); err != nil {
		return err
	}
	if u.State != idp.UserActive {
		if err := s.accounts.Enable(ctx, u.ID); err != nil {
			return err
		}
		a.say("The account was %s; it is active now.", u.State)
	}
	if !u.HasRole(idp.RoleAdmin) {
		roles := append(slices.Clone(u.Roles), idp.RoleAdmin)
		if _, err := s.accounts.Update(ctx, u.ID, account.Change{Roles: &roles}); err != nil {
			return err
		}
	}
	token, err := s.accounts.Recover(ctx, u.ID)
	if err != nil {
		return err
	}
	_, err = s.accounts.RedeemRecovery(ctx, token, password)
	return err
}

// findUser finds somebody by id, address or username.
func findUser(ctx context.Context, s *services, who string) (*idp.User, error) {
	u, err := s.store.User(ctx, who)
	if !errors.Is(err, idp.ErrNotFound) {
		return u, err
	}
	for _, canonical := range canonicals(who) {
		u, err := s.store.UserByIdentifier(ctx, canonical)
		if !errors.Is(err, idp.ErrNotFound) {
			return u, err
		}
	}
	return nil, &idp.Error{Kind: idp.NotFound, Code: "user_not_found", Message: fmt.Sprintf("There is no user %q. `idp user list` shows all.", who)}
}

// canonicals returns the forms under which a typed identifier may be stored.
func canonicals(who string) []string {
	var list []string
	if email, ok := idp.CanonicalEmail(who); ok && strings.Contains(who, "@") {
		list = append(list, email)
	}
	if name, ok := idp.CanonicalUsername(who); ok {
		list = append(list, name)
	}
	return list
}
