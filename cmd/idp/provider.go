package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/idp"
	"idp/internal/upstream"
)

func newProviderCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "provider",
		Short: "Where else people can sign in: Google, GitHub and others",
		Long:  "Where else people can sign in: Google, GitHub, any provider with OpenID Connect discovery, and any of plain OAuth 2. docs/google.md says what to click there." + onlineHelp,
	})
	cmd.AddCommand(
		newProviderCreateCmd(a), newProviderListCmd(a), newProviderGetCmd(a), newProviderUpdateCmd(a), newProviderDeleteCmd(a), newProviderTestCmd(a),
		&cobra.Command{
			Use:   "types",
			Short: "List the types of provider",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				type providerType struct {
					Name    string   `json:"name"`
					Summary string   `json:"summary"`
					Needs   []string `json:"needs"`
				}
				var list []providerType
				var rows [][]string
				for _, t := range upstream.Types() {
					list = append(list, providerType{t.Type, t.Summary, t.Needs})
					rows = append(rows, []string{t.Type, t.Summary, showList(t.Needs)})
				}
				o := a.output()
				return o.object(list, func() { o.table([]string{"TYPE", "FOR", "NEEDS"}, rows) })
			},
		},
	)
	return cmd
}

// providerFields are the flags of provider create and provider update.
func providerFields() []field {
	return []field{
		{flag: "name", member: "name", usage: "text on the sign-in button"},
		{flag: "issuer", member: "issuer", usage: "the provider's address, as its discovery document writes it; with oauth2 the host of --authorization-url, unless it says iss"},
		{flag: "authorization-url", member: "authorization_url", usage: "type oauth2: where the browser is sent"},
		{flag: "token-url", member: "token_url", usage: "type oauth2: where the code becomes an access token"},
		{flag: "userinfo-url", member: "userinfo_url", usage: "type oauth2: what says who signed in: a JSON object"},
		{flag: "emails-url", member: "emails_url", usage: "type oauth2: a JSON array of {email, primary, verified}, if the provider has one"},
		{flag: "claim-subject", member: "claims.subject", usage: "type oauth2: `member` of the user's answer that is the account's id for ever, such as id; a dot leads into an object"},
		{flag: "claim-name", member: "claims.name", usage: "type oauth2: `member` that is the name"},
		{flag: "claim-username", member: "claims.username", usage: "type oauth2: `member` that is the login name"},
		{flag: "claim-picture", member: "claims.picture", usage: "type oauth2: `member` that is the address of a picture"},
		{flag: "claim-email", member: "claims.email", usage: "type oauth2: `member` that is the e-mail address"},
		{flag: "claim-email-verified", member: "claims.email_verified", usage: "type oauth2: `member` that is true for a verified address; without it --trust-email says so of all"},
		{flag: "authorization-parameter", member: "authorization_parameters", kind: fieldPairs, usage: "type oauth2: sent with each authorization request: `name=value`; may be repeated, no value takes it away"},
		{flag: "without-pkce", member: "without_pkce", kind: fieldSwitch, usage: "type oauth2: for a provider that refuses code_challenge"},
		{flag: "client-id", member: "client_id", usage: "the id that this server has at the provider"},
		{flag: "scope", member: "scopes", kind: fieldWords, usage: "`scopes` that are asked for (default openid,email,profile)"},
		{flag: "hosted-domain", member: "hosted_domain", usage: "accounts of this Google Workspace only; enforced in the signed claim"},
		{flag: "allowed-domain", member: "allowed_domains", kind: fieldWords, usage: "verified addresses of this `domain` only; may be repeated"},
		{flag: "trust-email", member: "trust_email", kind: fieldSwitch, usage: "this provider verifies every address"},
		{flag: "linking", member: "linking", usage: "a new identity whose verified address is an account's: never, prove or automatic", values: []string{
			string(idp.LinkNever), string(idp.LinkProve), string(idp.LinkAutomatic),
		}},
		{flag: "provision", member: "provision", kind: fieldSwitch, usage: "an unknown person gets an account"},
		{flag: "email-verified-text", member: "email_verified_text", kind: fieldSwitch, usage: `take email_verified as the text "true" too`},
		{flag: "client-auth-method", member: "client_auth_method", usage: "client_secret_basic or client_secret_post", values: []string{idp.AuthClientSecretBasic, idp.AuthClientSecretPost}},
		{flag: "vouches-for", member: "vouches_for", kind: fieldVouchers, usage: "an authentication `context`, and what the provider's ID token must say for it: \"CONTEXT acr=VALUE amr=METHOD+METHOD\", acr or amr or both; may be repeated, empty for none"},
		{flag: "disabled", member: "disabled", kind: fieldSwitch, usage: "not offered on the sign-in page"},
	}
}

func providerTypes() []string {
	var names []string
	for _, t := range upstream.Types() {
		names = append(names, t.Type)
	}
	return names
}

func newProviderCreateCmd(a *app) *cobra.Command {
	var kind, file string
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Add a provider",
		Long: `Add a provider. ID becomes part of the address that is registered there: {issuer}/login/callback/ID. --type is ID if that names a type (google, github), otherwise
oidc. The client secret is read from a file, and encrypted in the database.`,
		Example: `  idp provider create google --client-id 1234-abc.apps.googleusercontent.com --client-secret-file google.secret
  idp provider create gitlab --name GitLab --issuer https://gitlab.com --client-id … --client-secret-file gitlab.secret
  idp provider create github --client-id … --client-secret-file github.secret
  idp provider create chat --type oauth2 --name Chat --authorization-url https://chat.example/authorize --token-url https://chat.example/token \
      --userinfo-url https://chat.example/api/me --claim-subject id --client-id … --client-secret-file chat.secret`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		if kind == "" {
			kind = upstream.TypeOIDC
			if slices.Contains(providerTypes(), args[0]) {
				kind = args[0]
			}
		}
		doc := map[string]any{"id": args[0], "type": kind}
		if err := readFields(cmd, providerFields(), doc); err != nil {
			return err
		}
		var err error
		if doc["client_secret"], err = a.askSecret("client secret", file, false); err != nil {
			return err
		}
		var n api.NewProvider
		if err := through(doc, &n); err != nil {
			return err
		}
		p, err := b.CreateProvider(ctx, n)
		if err != nil {
			return err
		}
		a.say("Added the provider %s. Register %s there, then run `idp provider test %s`.", p.ID, p.CallbackURL, p.ID)
		o := a.output()
		return o.object(p, func() { o.provider(p) })
	})
	addFields(cmd, providerFields())
	cmd.Flags().StringVar(&kind, "type", "", "type of provider: "+strings.Join(providerTypes(), ", "))
	secretFileFlag(cmd, &file)
	must(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(providerTypes(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func secretFileFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "client-secret-file", "", "`file` that holds the client secret; - is standard input")
}

func newProviderListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the providers",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := b.Providers(ctx)
			if err != nil {
				return err
			}
			rows := make([][]string, len(list))
			o := a.output()
			header := []string{"ID", "TYPE", "NAME", "ISSUER", "STATE"}
			if o.wide() {
				header = append(header, "CLIENT ID", "LINKING", "PROVISIONS", "CALLBACK")
			}
			for i, p := range list {
				state := "offered"
				if p.Disabled {
					state = "disabled"
				}
				rows[i] = []string{p.ID, p.Type, p.Name, p.Issuer, state}
				if o.wide() {
					rows[i] = append(rows[i], p.ClientID, string(p.Linking), showYes(p.Provision), p.CallbackURL)
				}
			}
			return o.object(list, func() { o.table(header, rows) })
		}),
	}
}

func newProviderGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Show one provider, without its secret",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			p, err := b.Provider(ctx, args[0])
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(p, func() { o.provider(p) })
		}),
		ValidArgsFunction: a.complete(completeProviders),
	}
}

func (o *output) provider(p api.Provider) {
	o.fields(
		[2]string{"id", p.ID}, [2]string{"type", p.Type}, [2]string{"name", p.Name}, [2]string{"disabled", showYes(p.Disabled)},
		[2]string{"issuer", p.Issuer}, [2]string{"client id", p.ClientID}, [2]string{"callback", p.CallbackURL}, [2]string{"scopes", showList(p.Scopes)},
		[2]string{"hosted domain", p.HostedDomain}, [2]string{"allowed domains", showList(p.AllowedDomains)}, [2]string{"trusts addresses", showYes(p.TrustEmail)},
		[2]string{"linking", string(p.Linking)}, [2]string{"provisions", showYes(p.Provision)}, [2]string{"authentication", p.ClientAuthMethod},
		[2]string{"authorization url", p.AuthorizationURL}, [2]string{"token url", p.TokenURL}, [2]string{"userinfo url", p.UserInfoURL}, [2]string{"emails url", p.EmailsURL},
		[2]string{"parameters", showPairs(p.AuthorizationParameters)}, [2]string{"without PKCE", showYes(p.WithoutPKCE)}, [2]string{"claims", showMembers(p.Claims)},
		[2]string{"vouches for", showVouchers(p.VouchesFor)}, [2]string{"created", showTime(p.CreatedAt)}, [2]string{"changed", showTime(p.UpdatedAt)},
	)
}

// readVouchers reads "CONTEXT acr=VALUE amr=METHOD+METHOD": no part of it can hold a space.
func readVouchers(flag string, list []string) ([]idp.Voucher, error) {
	vouchers := []idp.Voucher{}
	for _, text := range list {
		words := strings.Fields(text)
		if len(words) == 0 { // --vouches-for "" empties the list
			continue
		}
		v := idp.Voucher{Context: words[0]}
		for _, word := range words[1:] {
			switch name, value, _ := strings.Cut(word, "="); name {
			case "acr":
				v.ACR = value
			case "amr":
				v.AMR = strings.Split(value, "+")
			default:
				return nil, usagef("--%s %q: after the context come acr=… and amr=…, and nothing else", flag, text)
			}
		}
		vouchers = append(vouchers, v)
	}
	return vouchers, nil
}

// showMembers writes which member of the answer is which claim.
func showMembers(c idp.ClaimMembers) string {
	var texts []string
	for _, m := range [][2]string{
		{"subject", c.Subject}, {"name", c.Name}, {"username", c.Username}, {"picture", c.Picture}, {"email", c.Email}, {"email_verified", c.EmailVerified},
	} {
		if m[1] != "" {
			texts = append(texts, m[0]+"="+m[1])
		}
	}
	return strings.Join(texts, " ")
}

func showPairs(pairs map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		texts = append(texts, name+"="+pairs[name])
	}
	return strings.Join(texts, " ")
}

// showVouchers writes vouchers as their flag takes them.
func showVouchers(list []idp.Voucher) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.Context
		if v.ACR != "" {
			texts[i] += " acr=" + v.ACR
		}
		if len(v.AMR) > 0 {
			texts[i] += " amr=" + strings.Join(v.AMR, "+")
		}
	}
	return strings.Join(texts, "; ")
}

func newProviderUpdateCmd(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change a provider",
		Example: `  idp provider update google --client-secret-file google.secret
  idp provider update google --disabled`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(completeProviders),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		patch := map[string]any{}
		if err := readFields(cmd, providerFields(), patch); err != nil {
			return err
		}
		if file != "" {
			text, err := a.askSecret("client secret", file, false)
			if err != nil {
				return err
			}
			patch["client_secret"] = text
		}
		if len(patch) == 0 {
			return usagef("nothing is to be changed: name at least one flag, `idp provider update --help` lists them")
		}
		p, err := b.UpdateProvider(ctx, args[0], patch)
		if err != nil {
			return err
		}
		a.say("Changed the provider %s.", p.ID)
		o := a.output()
		return o.object(p, func() { o.provider(p) })
	})
	addFields(cmd, providerFields())
	secretFileFlag(cmd, &file)
	return cmd
}

func newProviderDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "Remove a provider; people's links to it stay, so that it can come back",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm(fmt.Sprintf("Remove the provider %s? Nobody can sign in with it any more.", args[0])); err != nil {
				return err
			}
			if err := b.DeleteProvider(ctx, args[0]); err != nil {
				return err
			}
			a.say("Removed the provider %s.", args[0])
			return nil
		}),
		ValidArgsFunction: a.complete(completeProviders),
	}
}

func newProviderTestCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test ID",
		Short: "Look at a provider without signing in, and say what is wrong and how to mend it",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			list, err := b.TestProvider(ctx, args[0])
			if err != nil {
				return err
			}
			o := a.output()
			if err := o.object(list, func() { a.showAPIFindings(list) }); err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(f api.Finding) bool { return f.Level == string(upstream.LevelError) }) {
				return fmt.Errorf("nobody can sign in with %s as it is", args[0])
			}
			return nil
		}),
		ValidArgsFunction: a.complete(completeProviders),
	}
}
