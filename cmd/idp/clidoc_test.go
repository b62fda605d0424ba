package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite the generated files")

const cliDoc = "../../docs/cli.md"

const cliDocHead = `<!-- Generated from the commands by ` + "`go test ./cmd/idp -run CLIDoc -update`" + `; do not edit. -->

# The command line

%s

Results go to stdout, words for people to stderr. Every command takes these flags:

%s
Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 not found, 4 conflict. Secrets and passwords are never arguments, because other users of a machine see those: they are
typed, or read from a file or from standard input. What cannot be undone asks first, and needs ` + "`--yes`" + ` where nobody can be asked.

Without more, commands work on the database that is configured, as the operator of this machine; a server that runs on it notices within a second. To administer a server from
elsewhere, give a program the scope idp.admin once, where the server runs:

    idp client create robot --type service --scope idp.admin --secret-file robot.secret

and elsewhere let it fetch a token, which is good for ten minutes:

    umask 077
    export IDP_URL=https://id.example.com IDP_TOKEN_FILE=token
    curl -s -u "robot:$(cat robot.secret)" -d grant_type=client_credentials -d scope=idp.admin \
        $IDP_URL/oauth2/token | jq -r .access_token > token
    idp client list

` + "`migrate`, `key ring`, `admin`, `doctor` and `user import`" + ` always work on the database itself.

The scripts in [cmd/idp/testdata](../cmd/idp/testdata) show each command at work, and are run as tests.
`

// The page is made from the commands, so it cannot say anything else than they do.
func TestCLIDoc_IsFresh(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp("", formatTable)
	root := newRootCmd(a)
	var b strings.Builder
	fmt.Fprintf(&b, cliDocHead, indented(root.Long), flagList(root.PersistentFlags()))
	for _, c := range root.Commands() {
		writeCLIDoc(&b, c, 2)
	}
	got := b.String()
	if *update {
		if err := os.WriteFile(cliDoc, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("docs/cli.md is not what the commands say: run `go test ./cmd/idp -run CLIDoc -update`")
	}
}

func writeCLIDoc(b *strings.Builder, c *cobra.Command, level int) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	fmt.Fprintf(b, "\n%s %s\n\n", strings.Repeat("#", min(level, 4)), c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	b.WriteString(prose(text) + "\n")
	if !c.HasSubCommands() {
		fmt.Fprintf(b, "\n    %s\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nExamples:\n\n%s\n", indented(trimIndent(c.Example)))
	}
	if list := flagList(c.LocalNonPersistentFlags()); list != "" {
		b.WriteString("\n" + list)
	}
	if list := flagList(c.PersistentFlags()); list != "" {
		fmt.Fprintf(b, "\nFlags of every `%s` command:\n\n%s", c.CommandPath(), list)
	}
	for _, sub := range c.Commands() {
		writeCLIDoc(b, sub, level+1)
	}
}

func flagList(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", name, escape(usage))
	})
	return b.String()
}

// prose keeps paragraphs, and shows what is set in by two spaces as it is.
func prose(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "  "):
			lines[i] = "    " + line[2:]
		default:
			lines[i] = escape(line)
		}
	}
	return strings.Join(lines, "\n")
}

func indented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

func trimIndent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}

func escape(s string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(s)
}
