package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
	"idp/internal/untrusted"
)

func newClientCreateCmd(a *app) *cobra.Command {
	var kind, file, bring string
	var public bool
	var kinds, help []string
	for _, p := range clientPresets() {
		kinds = append(kinds, p.name)
		help = append(help, fmt.Sprintf("  %-8s %s", p.name, p.summary))
	}
	cmd := &cobra.Command{
		Use:   "create [CLIENT_ID]",
		Short: "Register an application, and print what its developer needs",
		Long: `Register an application, and print what its developer needs. Without an id one is made. --type gives it what such an application usually
needs, and every other flag is laid over that:

` + strings.Join(help, "\n"),
		Example: `  idp client create web --name "My app" --redirect-uri https://app.example.com/callback
  idp client create spa --type spa --redirect-uri https://spa.example.com/
  idp client create cli --type native --redirect-uri http://127.0.0.1/callback
  idp client create nightly --type service --scope api.read --secret-file nightly.secret`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		doc, err := clientDocument(cmd, kind, public)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			doc["client_id"] = args[0]
		}
		if bring != "" {
			if doc["client_secret"], err = a.askSecret("client secret", bring, false); err != nil {
				return err
			}
		}
		var n api.NewClient
		if err := through(doc, &n); err != nil {
			return err
		}
		if n.Secret == "" && n.Client().HasSecret() {
			if err := a.checkSecretFile(file); err != nil {
				return err
			}
		}
		made, err := b.CreateClient(ctx, n)
		if err != nil {
			return err
		}
		return a.showCreated(ctx, b, made, file)
	})
	addFields(cmd, clientFields())
	f := cmd.Flags()
	f.StringVar(&kind, "type", kinds[0], "kind of application: "+strings.Join(kinds, ", "))
	f.BoolVar(&public, "public", false, "it can keep no secret; the same as --auth-method none")
	f.StringVar(&file, "secret-file", "", "write the secret to this `file`, readable by you only, instead of showing it")
	f.StringVar(&bring, "bring-secret", "", "take the secret that is in this `file` (- is standard input) instead of making one")
	must(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// clientDocument puts preset and flags together.
func clientDocument(cmd *cobra.Command, kind string, public bool) (map[string]any, error) {
	presets := clientPresets()
	i := slices.IndexFunc(presets, func(p clientPreset) bool { return p.name == kind })
	if i < 0 {
		return nil, usagef("there is no type %q: use web, spa, native or service", kind)
	}
	doc := presets[i].members
	if public {
		if cmd.Flags().Changed("auth-method") {
			return nil, usagef("--public says how it authenticates, so leave --auth-method out")
		}
		doc["token_endpoint_auth_methods"] = []string{"none"}
	}
	return doc, readFields(cmd, clientFields(), doc)
}

// createdClient is the result of client create: the client, and where to find the server.
type createdClient struct {
	Issuer       string `json:"issuer"`
	DiscoveryURL string `json:"discovery_url"`
	api.CreatedClient
	SecretFile string `json:"secret_file,omitempty"`
}

// showCreated prints what a developer copies into the application.
func (a *app) showCreated(ctx context.Context, b *backend, made api.CreatedClient, file string) error {
	who, err := b.Whoami(ctx)
	if err != nil {
		return err
	}
	result := createdClient{Issuer: who.Issuer, DiscoveryURL: who.Issuer + "/.well-known/openid-configuration", CreatedClient: made}
	if made.Secret != "" {
		if result.Secret, err = a.showSecret("secret", made.Secret, file); err != nil {
			return err
		}
		result.SecretFile = file
	}
	o := a.output()
	return o.object(result, func() {
		o.fields(
			[2]string{"issuer", result.Issuer}, [2]string{"client_id", made.ID}, [2]string{"client_secret", result.Secret}, [2]string{"secret file", result.SecretFile},
			[2]string{"discovery", result.DiscoveryURL}, [2]string{"redirect URIs", showList(made.RedirectURIs)}, [2]string{"scopes", showList(made.Scopes)},
			[2]string{"grants", showList(made.GrantTypes)}, [2]string{"authentication", showList(made.AuthMethods)}, [2]string{"PKCE required", showYes(made.RequirePKCE)},
		)
	})
}

func newClientUpdateCmd(a *app) *cobra.Command {
	var force bool
	var patchFile string
	cmd := &cobra.Command{
		Use:   "update CLIENT_ID",
		Short: "Change a client",
		Long: `Change a client. What is not named stays. A list flag says the whole list; --add-… and --remove-… change it. --patch takes a JSON Merge
Patch (RFC 7396) for members that have no flag.`,
		Example: `  idp client update web --add-redirect-uri https://app.example.com/callback2
  idp client update web --trusted=false --access-token-ttl 5m
  echo '{"contract":{"refresh_grace":30}}' | idp client update web --patch -`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.complete(completeClients),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		patch, err := a.readPatch(patchFile)
		if err != nil {
			return err
		}
		if err := readFields(cmd, clientFields(), patch); err != nil {
			return err
		}
		err = editLists(cmd, clientListEdits(), patch, func(member string) ([]string, error) {
			c, _, err := b.Client.Client(ctx, args[0])
			if err != nil {
				return nil, err
			}
			var lists map[string]any
			if err := through(c, &lists); err != nil {
				return nil, err
			}
			return texts(lists[member]), nil
		})
		if err != nil {
			return err
		}
		if len(patch) == 0 {
			return usagef("nothing is to be changed: name at least one flag, `idp client update --help` lists them")
		}
		c, err := b.UpdateClient(ctx, args[0], patch, apiclient.Change{Force: force})
		if err != nil {
			return err
		}
		a.say("Changed the client %s.", c.ID)
		o := a.output()
		return o.object(c, func() { o.client(c) })
	})
	addFields(cmd, clientFields())
	addListEdits(cmd, clientListEdits())
	cmd.Flags().StringVar(&patchFile, "patch", "", "`file` that holds a JSON Merge Patch; - is standard input")
	forceFlag(cmd, &force)
	return cmd
}

// patchMost is what the admin API takes.
const patchMost = 1 << 20

// readPatch reads a JSON object from a file, or returns an empty one.
func (a *app) readPatch(file string) (map[string]any, error) {
	patch := map[string]any{}
	if file == "" {
		return patch, nil
	}
	in, err := a.openInput(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, patchMost+1))
	if err != nil {
		return nil, fmt.Errorf("read the patch: %w", err)
	}
	// As the server reads it: of a member that stands there twice the map would keep one.
	if _, err := untrusted.Object(text, untrusted.Bounds{Bytes: patchMost, Depth: 32}); err != nil {
		return nil, fmt.Errorf("read the patch: %w: write one object with the members that are to change", err)
	}
	if err := json.Unmarshal(text, &patch); err != nil {
		return nil, fmt.Errorf("read the patch: %w", err)
	}
	return patch, nil
}

// through turns one shape of a document into another by way of JSON.
func through(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func texts(list any) []string {
	var out []string
	values, _ := list.([]any)
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// checkSecretFile finds out before anything is made whether a secret could be handed over: afterwards it would be lost.
func (a *app) checkSecretFile(file string) error {
	if file == "" {
		if a.output().format == formatName {
			return usagef("only the id would be printed, and the secret would be lost: add --secret-file")
		}
		return nil
	}
	probe, err := os.CreateTemp(filepath.Dir(file), ".idp-*")
	if err != nil {
		return fmt.Errorf("the secret cannot be written to %s: %w; nothing was changed", file, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
