package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/client"
	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
	"idp/internal/idp"
)

func newClientCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "client",
		Short: "The applications that people sign in to",
		Long:  "The applications that people sign in to (clients, in the words of OAuth)." + onlineHelp,
	})
	cmd.AddCommand(
		newClientCreateCmd(a), newClientListCmd(a), newClientGetCmd(a), newClientUpdateCmd(a), newRotateSecretCmd(a), newClientDeleteCmd(a),
		newClientCheckCmd(a), newClientApplyCmd(a), newDigestSecretCmd(a), newClientPendingCmd(a), newClientApproveCmd(a), newClientDenyCmd(a), newRegistrationTokenCmd(a),
	)
	return cmd
}

func newClientListCmd(a *app) *cobra.Command {
	var p paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the clients",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := readPages(ctx, a, p, b.Clients)
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(list, func() { o.clientTable(list) })
		}),
	}
	p.flags(cmd)
	return cmd
}

func (o *output) clientTable(list []api.Client) {
	header := []string{"CLIENT ID", "NAME", "KIND", "GRANTS", "STATE"}
	if o.wide() {
		header = append(header, "REDIRECT URIS", "SCOPES", "KEPT IN", "CHANGED")
	}
	rows := make([][]string, len(list))
	for i, c := range list {
		rows[i] = []string{c.ID, c.Name, clientKind(c), showList(c.GrantTypes), clientState(c)}
		if o.wide() {
			rows[i] = append(rows[i], showList(c.RedirectURIs), showList(c.Scopes), c.ManagedBy, showTime(c.UpdatedAt))
		}
	}
	o.table(header, rows)
}

func clientKind(c api.Client) string {
	if len(c.AuthMethods) == 1 && c.AuthMethods[0] == idp.AuthNone {
		return "public"
	}
	return "confidential"
}

func clientState(c api.Client) string {
	var words []string
	if c.Disabled {
		words = append(words, "disabled")
	}
	if c.Pending {
		words = append(words, "pending")
	}
	if c.Trusted {
		words = append(words, "trusted")
	}
	return strings.Join(words, " ")
}

func newClientGetCmd(a *app) *cobra.Command {
	var asFile bool
	cmd := &cobra.Command{
		Use:   "get CLIENT_ID",
		Short: "Show one client",
		Example: `  idp client get web
  idp client get web -o json
  idp client get web --as-file > clients/web.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			c, _, err := b.Client.Client(ctx, args[0])
			if err != nil {
				return err
			}
			o := a.output()
			if asFile {
				c.Registration.Contract = client.FromContract(c.Contract)
				return o.yaml(c.Registration)
			}
			return o.object(c, func() { o.client(c) })
		}),
		ValidArgsFunction: a.complete(completeClients),
	}
	cmd.Flags().BoolVar(&asFile, "as-file", false, "print what idp client apply takes: all but the secrets, the times and where it is kept")
	return cmd
}

// client shows one client, leaving out what is as usual.
func (o *output) client(c api.Client) {
	k := c.Contract
	refresh := ""
	if slices.Contains(c.GrantTypes, idp.GrantRefreshToken) {
		refresh = fmt.Sprintf("%s, good for %s unused and %s in all", k.RefreshMode, showDuration(k.RefreshIdle.Duration()), showDuration(k.RefreshMax.Duration()))
	}
	o.fields(
		[2]string{"client_id", c.ID}, [2]string{"name", c.Name}, [2]string{"kind", clientKind(c)}, [2]string{"state", clientState(c)},
		[2]string{"kept in", c.ManagedBy},
		[2]string{"redirect URIs", showList(c.RedirectURIs)}, [2]string{"after sign-out", showList(c.PostLogoutRedirectURIs)},
		[2]string{"told of sign-out", c.BackchannelLogoutURI}, [2]string{"sign-out frame", c.FrontchannelLogoutURI},
		[2]string{"origins", showList(c.AllowedOrigins)}, [2]string{"grants", showList(c.GrantTypes)}, [2]string{"scopes", showList(c.Scopes)},
		[2]string{"authentication", showList(c.AuthMethods)}, [2]string{"audience", showList(c.Audience)}, [2]string{"PKCE required", showYes(c.RequirePKCE)},
		[2]string{"secrets", showSecrets(c.Secrets)},
		[2]string{"ID token", fmt.Sprintf("%s, good for %s", k.IDTokenAlg, showDuration(k.IDTokenTTL.Duration()))},
		[2]string{"access token", fmt.Sprintf("%s %s, good for %s", k.AccessTokenAlg, k.AccessTokenFormat, showDuration(k.AccessTokenTTL.Duration()))},
		[2]string{"refresh token", refresh},
		[2]string{"created", showTime(c.CreatedAt)}, [2]string{"changed", showTime(c.UpdatedAt)},
	)
}

func showSecrets(list []api.Secret) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = "made " + s.CreatedAt.UTC().Format(time.DateOnly)
		if s.ExpiresAt != nil {
			words[i] += ", ends " + showTime(*s.ExpiresAt)
		}
	}
	return strings.Join(words, "; ")
}

func newRotateSecretCmd(a *app) *cobra.Command {
	var overlap time.Duration
	var file string
	var force bool
	cmd := &cobra.Command{
		Use:   "rotate-secret CLIENT_ID",
		Short: "Give a client a new secret",
		Long:  "Give a client a new secret. The old one stays good for --overlap, so that the application can be changed without an outage.",
		Example: `  idp client rotate-secret web --overlap 48h --secret-file web.secret
  idp client rotate-secret web --overlap 0     # the old one leaked`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.checkSecretFile(file); err != nil {
				return err
			}
			text, err := b.RotateClientSecret(ctx, args[0], overlap, apiclient.Change{Force: force})
			if err != nil {
				return err
			}
			shown, err := a.showSecret("secret", text, file)
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(struct {
				ID     string `json:"client_id"`
				Secret string `json:"client_secret,omitempty"`
				File   string `json:"secret_file,omitempty"`
			}{args[0], shown, file}, func() {
				o.fields([2]string{"client_id", args[0]}, [2]string{"client_secret", shown}, [2]string{"secret file", file})
			})
		}),
		ValidArgsFunction: a.complete(completeClients),
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the old secrets stay good; 0 ends them at once")
	cmd.Flags().StringVar(&file, "secret-file", "", "write the secret to this `file`, readable by you only, instead of showing it")
	forceFlag(cmd, &force)
	return cmd
}

func newClientDeleteCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "delete CLIENT_ID…",
		Short:   "Delete clients and revoke all they were given",
		Example: `  idp client delete web --yes`,
		Args:    cobra.MinimumNArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm(fmt.Sprintf("Delete %s? Sign-in through it stops at once, and its tokens are revoked.", strings.Join(args, ", "))); err != nil {
				return err
			}
			return each(args, func(id string) error {
				if err := b.DeleteClient(ctx, id, apiclient.Change{Force: force}); err != nil {
					return err
				}
				a.say("Deleted the client %s.", id)
				return nil
			})
		}),
		ValidArgsFunction: a.complete(completeClients),
	}
	forceFlag(cmd, &force)
	return cmd
}

func newClientCheckCmd(a *app) *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "check CLIENT_ID",
		Short: "Say what is unusual or weak about a client, and how to mend it",
		Long: `Say what is unusual or weak about a client, and how to mend it. With --profile, say what that profile would refuse: what a profile
can set by itself (--profile of client update) is not listed.`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if profile != "" && !slices.Contains(idp.SupportedProfiles(), profile) {
				return usagef("there is no profile %q: use one of %s", profile, strings.Join(idp.SupportedProfiles(), ", "))
			}
			list, err := b.CheckClient(ctx, args[0], profile)
			if err != nil {
				return err
			}
			o := a.output()
			err = o.object(list, func() { a.showAPIFindings(list) })
			switch {
			case len(list) > 0:
			case profile != "":
				a.say("The profile %s would refuse nothing of %s: idp client update %s --profile %s", profile, args[0], args[0], profile)
			default:
				a.say("There is nothing unusual about %s.", args[0])
			}
			return err
		}),
		ValidArgsFunction: a.complete(completeClients),
	}
	cmd.Flags().StringVar(&profile, "profile", "", "what this `profile` would refuse: "+strings.Join(idp.SupportedProfiles(), ", "))
	must(cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(idp.SupportedProfiles(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}
