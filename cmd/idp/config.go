package main

import (
	"io"

	"github.com/spf13/cobra"

	"idp/internal/config"
)

func newConfigCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the settings of the server",
		Long:  "Check and show the settings of the server. They come from defaults, a file, systemd credentials, the environment and flags, each over the one before.",
	}
	cmd.AddCommand(
		a.withConfig(&cobra.Command{
			Use:     "check",
			Aliases: []string{"validate"},
			Short:   "Report everything that is wrong with the settings, and how to mend it",
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := a.loadConfig(cmd)
				if err != nil {
					return err
				}
				from := "no configuration file"
				if f := c.File(); f != "" {
					from = f
				}
				a.say("The settings are fine (%s, issuer %s).", from, c.Issuer)
				return nil
			},
		}),
		a.withConfig(&cobra.Command{
			Use:   "print",
			Short: "Print the settings in force and where each came from; secrets are masked",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := a.loadConfig(cmd)
				if err != nil {
					return err
				}
				if a.flags.output == formatJSON {
					return a.output().object(c.Values(), nil)
				}
				return a.print(c.Print())
			},
		}),
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON schema of the configuration file",
			Args:  cobra.NoArgs,
			RunE:  func(*cobra.Command, []string) error { return a.print(config.Schema()) },
		},
		&cobra.Command{
			Use:   "doc",
			Short: "Print the reference of all settings, as Markdown",
			Args:  cobra.NoArgs,
			RunE:  func(*cobra.Command, []string) error { return a.print(config.Doc()) },
		},
	)
	return cmd
}

// print writes a text to stdout as it is.
func (a *app) print(text string) error {
	_, err := io.WriteString(a.out, text)
	return err
}
