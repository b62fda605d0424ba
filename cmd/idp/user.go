package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
	"idp/internal/idp"
)

func newUserCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "user",
		Short: "The people who sign in",
		Long:  "The people who sign in. USER is an id, an e-mail address or a username." + onlineHelp,
	})
	cmd.AddCommand(
		newUserCreateCmd(a), newUserListCmd(a), newUserGetCmd(a), newUserUpdateCmd(a),
		newUserStateCmd(a, "disable", "Refuse a user everywhere, at once, and end their sessions"), newUserStateCmd(a, "enable", "Let a user sign in again"),
		newUserDeleteCmd(a), newSetPasswordCmd(a), newUserImportCmd(a), newUserLinkCmd(a), newUserGrantsCmd(a),
	)
	return cmd
}

// userFields are the flags of user create and user update.
func userFields() []field {
	return []field{
		{flag: "email", member: "email", usage: "e-mail address"},
		{flag: "email-verified", member: "email_verified", kind: fieldSwitch, usage: "the address is known to be theirs"},
		{flag: "username", member: "username", usage: "username"},
		{flag: "role", member: "roles", kind: fieldWords, usage: "`roles`; admin administers this server", values: []string{idp.RoleAdmin}},
		{flag: "name", member: "profile.name", usage: "full name"},
		{flag: "given-name", member: "profile.given_name", usage: "given name"},
		{flag: "family-name", member: "profile.family_name", usage: "family name"},
		{flag: "nickname", member: "profile.nickname", usage: "nickname"},
		{flag: "picture", member: "profile.picture", usage: "address of a picture"},
		{flag: "locale", member: "profile.locale", usage: "language, such as de-CH"},
		{flag: "zoneinfo", member: "profile.zoneinfo", usage: "time zone, such as Europe/Zurich"},
		{flag: "phone-number", member: "profile.phone_number", usage: "telephone number, such as +41441234567"},
	}
}

func userListEdits() []listEdit { return []listEdit{{"role", "roles"}} }

func newUserListCmd(a *app) *cobra.Command {
	var p paging
	var search string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users, or find some",
		Example: `  idp user list --search ann
  idp user list --search ann@example. -o json`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := readPages(ctx, a, p, func(ctx context.Context, page apiclient.Page) (api.Page[api.User], error) {
				if search == "" {
					return b.Users(ctx, page)
				}
				return b.UsersNamed(ctx, search, page)
			})
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(list, func() { o.userTable(list) })
		}),
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&search, "search", "", "only those whose e-mail address or username begins so, by that; --after then is such a name")
	return cmd
}

func (o *output) userTable(list []api.User) {
	header := []string{"ID", "EMAIL", "USERNAME", "NAME", "STATE", "ROLES"}
	if o.wide() {
		header = append(header, "VERIFIED", "CREATED", "CHANGED")
	}
	rows := make([][]string, len(list))
	for i, u := range list {
		rows[i] = []string{u.ID, u.Email, u.Username, u.Profile.Name, string(u.State), showList(u.Roles)}
		if o.wide() {
			rows[i] = append(rows[i], showYes(u.EmailVerified), showTime(u.CreatedAt), showTime(u.UpdatedAt))
		}
	}
	o.table(header, rows)
}

func newUserGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "get USER",
		Short:   "Show one user",
		Example: `  idp user get ann@example.com -o yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			u, err := b.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(u, func() { o.user(u) })
		}),
		ValidArgsFunction: a.complete(completeUsers),
	}
}

func (o *output) user(u api.User) {
	email := u.Email
	if email != "" && !u.EmailVerified {
		email += " (not verified)"
	}
	p := u.Profile
	o.fields(
		[2]string{"id", u.ID}, [2]string{"email", email}, [2]string{"username", u.Username}, [2]string{"state", string(u.State)}, [2]string{"roles", showList(u.Roles)},
		[2]string{"name", p.Name}, [2]string{"given name", p.GivenName}, [2]string{"family name", p.FamilyName}, [2]string{"nickname", p.Nickname},
		[2]string{"picture", p.Picture}, [2]string{"locale", p.Locale}, [2]string{"time zone", p.Zoneinfo}, [2]string{"telephone", p.PhoneNumber},
		[2]string{"created", showTime(u.CreatedAt)}, [2]string{"changed", showTime(u.UpdatedAt)},
	)
}

func newUserStateCmd(a *app, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " USER…",
		Short: short,
		Args:  cobra.MinimumNArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			return each(args, func(who string) error {
				u, err := b.findUser(ctx, who)
				if err != nil {
					return err
				}
				change := b.EnableUser
				if verb == "disable" {
					change = b.DisableUser
				}
				if u, err = change(ctx, u.ID); err != nil {
					return err
				}
				a.say("%s is %s.", who, u.State)
				return nil
			})
		}),
		ValidArgsFunction: a.complete(completeUsers),
	}
}

func newUserDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete USER…",
		Short: "Delete users and all that is theirs",
		Long:  "Delete users and all that is theirs: sessions, tokens, consents, links. The id is never given to anybody else. To shut somebody out for a while, use disable.",
		Args:  cobra.MinimumNArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm(fmt.Sprintf("Delete %s and all that is theirs?", strings.Join(args, ", "))); err != nil {
				return err
			}
			return each(args, func(who string) error {
				u, err := b.findUser(ctx, who)
				if err != nil {
					return err
				}
				if err := b.DeleteUser(ctx, u.ID); err != nil {
					return err
				}
				a.say("Deleted the user %s.", who)
				return nil
			})
		}),
		ValidArgsFunction: a.complete(completeUsers),
	}
}

func newSetPasswordCmd(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "set-password USER",
		Short: "Set a user's password; all their sessions end",
		Example: `  idp user set-password ann@example.com
  idp user set-password ann@example.com --password-file - < password.txt`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			u, err := b.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			password, err := a.askSecret("password", file, true)
			if err != nil {
				return err
			}
			if err := b.SetPassword(ctx, u.ID, password); err != nil {
				return err
			}
			a.say("%s has a new password. All their sessions have ended.", args[0])
			return nil
		}),
		ValidArgsFunction: a.complete(completeUsers),
	}
	cmd.Flags().StringVar(&file, "password-file", "", "`file` that holds the password; - is standard input")
	return cmd
}
