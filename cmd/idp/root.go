package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `idp lets your applications delegate sign-in: it is an OpenID Connect provider and an OAuth 2 authorization server in one binary.

Try it out:          idp serve --dev
Check the settings:  idp config check
Something is wrong:  idp doctor

Commands read as noun and verb (idp client create); verb first and plurals are understood too (idp create client, idp clients list).`

const rootExit = `
Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 not found, 4 conflict.
`

// newRootCmd assembles the command tree.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "idp",
		Short:             "Identity provider and OAuth 2 authorization server",
		Long:              rootHelp,
		SilenceErrors:     true, // report prints them, once
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // completion.go has its own
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(misflagged)
	root.SetUsageTemplate(root.UsageTemplate() + rootExit)

	p := root.PersistentFlags()
	p.StringVar(&a.flags.config, "config", "", "configuration file (default ./idp.yaml, then /etc/idp/idp.yaml)")
	p.StringVarP(&a.flags.output, "output", "o", formatTable, "output format: "+strings.Join(formats(), ", "))
	p.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print only ids, and no words")
	p.BoolVarP(&a.flags.yes, "yes", "y", false, "do not ask before destroying something")
	must(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp)))

	root.AddCommand(commands(a)...)
	a.frame(root)
	wrapHelp(root)
	return root
}

// frame gives every command below c what all of them need: the plural of a noun, an error for an unknown verb, and a mark that
// tells a wrong command line (exit 2) from a command that failed (exit 1).
func (a *app) frame(c *cobra.Command) {
	switch {
	case c.RunE != nil:
		if judge := c.Args; judge != nil {
			c.Args = func(cmd *cobra.Command, args []string) error {
				if err := judge(cmd, args); err != nil { // cobra's own words count arguments, and name none
					return usagef("%s: the command is `%s`", miscounted(err, args), cmd.UseLine())
				}
				return nil
			}
		}
		inner := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			if !slices.Contains(formats(), a.flags.output) {
				return usagef("the output format %q is not known: use one of %s", a.flags.output, strings.Join(formats(), ", "))
			}
			return inner(cmd, args)
		}
	case c.HasSubCommands() && c.Run == nil:
		c.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usagef("%q is no command of %q%s", args[0], cmd.CommandPath(), suggest(cmd, args[0]))
		}
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		if c.HasParent() {
			c.Aliases = append(c.Aliases, c.Name()+"s")
		}
	}
	for _, sub := range c.Commands() {
		a.frame(sub)
	}
}

// miscounted says in plain words what cobra's judges of arguments mean.
func miscounted(err error, args []string) string {
	text := err.Error()
	if strings.HasPrefix(text, "unknown command") { // cobra.NoArgs
		return fmt.Sprintf("%q is one word too many", args[0])
	}
	var wanted, got int
	for _, form := range []string{"accepts %d arg(s), received %d", "accepts at most %d arg(s), received %d", "requires at least %d arg(s), only received %d"} {
		if n, _ := fmt.Sscanf(text, form, &wanted, &got); n < 2 {
			continue
		}
		switch {
		case got > wanted:
			return fmt.Sprintf("%q is one word too many", args[wanted])
		case wanted-got == 1:
			return "an argument is missing"
		}
		return fmt.Sprintf("%d arguments are missing", wanted-got)
	}
	return text
}

// misflagged takes the names of Go's functions out of what pflag says about a value.
func misflagged(cmd *cobra.Command, err error) error {
	text := err.Error()
	for _, known := range []struct{ inside, say string }{
		{"strconv.ParseInt: parsing", "it is no whole number"},
		{"strconv.ParseBool: parsing", "it is neither true nor false"},
		{"time: invalid duration", "it is no duration, such as 90s, 15m or 24h"},
		{"time: missing unit", "it is no duration, such as 90s, 15m or 24h"},
		{"time: unknown unit", "it is no duration, such as 90s, 15m or 24h"},
	} {
		if head, _, found := strings.Cut(text, known.inside); found {
			text = head + known.say
		}
	}
	return usagef("%s: %s`%s --help` lists the flags", text, nearFlags(cmd, text), cmd.CommandPath())
}

// nearFlags asks whether a flag was meant that has the unknown one in its name, or stands in it.
func nearFlags(cmd *cobra.Command, text string) string {
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown || len(name) < 2 {
		return ""
	}
	var near []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && len(f.Name) > 1 && (strings.Contains(f.Name, name) || strings.Contains(name, f.Name)) {
			near = append(near, "--"+f.Name)
		}
	})
	if len(near) == 0 || len(near) > 5 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "? "
}

func suggest(cmd *cobra.Command, name string) string {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		return ": did you mean " + strings.Join(s, " or ") + "?"
	}
	return ": `" + cmd.CommandPath() + " --help` lists them"
}

// nounFirst turns "create client NAME" into "client create NAME" where the first word is no command and the second one is a noun that has
// such a verb.
func nounFirst(root *cobra.Command, args []string) []string {
	words := words(root, args, 2)
	if len(words) < 2 || child(root, args[words[0]]) != nil {
		return args
	}
	noun := child(root, args[words[1]])
	if noun == nil || child(noun, args[words[0]]) == nil {
		return args
	}
	swapped := slices.Clone(args)
	swapped[words[0]], swapped[words[1]] = args[words[1]], args[words[0]]
	return swapped
}

// words returns the places of the first n arguments that are neither flags nor values of the flags that every command has.
func words(root *cobra.Command, args []string, n int) []int {
	var places []int
	for i := 0; i < len(args) && len(places) < n; i++ {
		arg := args[i]
		name, isFlag := strings.CutPrefix(arg, "-")
		switch {
		case arg == "--":
			return places
		case !isFlag || name == "":
			places = append(places, i)
		case strings.Contains(name, "="):
		case strings.HasPrefix(name, "-"):
			if f := root.PersistentFlags().Lookup(name[1:]); f != nil && f.NoOptDefVal == "" {
				i++
			}
		default:
			if f := root.PersistentFlags().ShorthandLookup(name[:1]); f != nil && f.NoOptDefVal == "" && len(name) == 1 {
				i++
			}
		}
	}
	return places
}

func child(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}

// must ends the program over a mistake in the command tree itself, which every run of every test would meet.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
