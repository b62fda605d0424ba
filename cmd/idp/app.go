package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"idp/internal/config"
	"idp/internal/idp"
)

// The exit codes.
const (
	exitFine     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
	exitConflict = 4
)

// app is all of the outside that a command may touch.
type app struct {
	in  io.Reader
	out io.Writer // results only
	err io.Writer // words for people
	env []string
	now func() time.Time

	flags   globalFlags
	started bool // the command line was understood and the command began
}

type globalFlags struct {
	config string
	output string
	quiet  bool
	yes    bool
	set    []string // --set key=value, where withConfig added it
}

func newApp(env []string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{in: stdin, out: stdout, err: stderr, env: env, now: time.Now}
}

// getenv returns the value of an environment variable, empty if there is none.
func (a *app) getenv(name string) string {
	for i := len(a.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// settingFlag marks a flag that stands for a setting: a command may have another one of the same name for itself.
const settingFlag = "idp_setting"

// withConfig adds the flags that stand for settings to a command that calls loadConfig, and returns it.
func (a *app) withConfig(cmd *cobra.Command) *cobra.Command {
	return a.withSettings(cmd, cmd.Flags(), func(config.Flag) bool { return true })
}

// withDatabase adds those of these flags that say where the data is, for a noun and all its verbs.
func (a *app) withDatabase(cmd *cobra.Command) *cobra.Command {
	return a.withSettings(cmd, cmd.PersistentFlags(), func(f config.Flag) bool { return f.Key == "data_dir" || f.Key == "database.url" })
}

func (a *app) withSettings(cmd *cobra.Command, flags *pflag.FlagSet, wanted func(config.Flag) bool) *cobra.Command {
	for _, f := range config.Flags() {
		switch usage := settingUsage(f); {
		case !wanted(f):
			continue
		case f.Bool:
			flags.Bool(f.Name, false, usage)
		default:
			flags.String(f.Name, "", usage)
		}
		must(flags.SetAnnotation(f.Name, settingFlag, []string{f.Key}))
	}
	flags.StringArrayVar(&a.flags.set, "set", nil, "any setting of docs/config.md, as `key=value`; may be repeated")
	return cmd
}

// settingUsage is a setting's sentence without the setting as its subject.
func settingUsage(f config.Flag) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(f.Usage, f.Key+" is "), f.Key+" ")
	if strings.HasPrefix(rest, "of ") {
		rest = strings.ToUpper(f.Key[strings.LastIndexByte(f.Key, '.')+1:]) + " " + rest
	}
	return rest
}

// loadConfig reads the settings for cmd, which must have been through withConfig or withDatabase.
func (a *app) loadConfig(cmd *cobra.Command) (*config.Config, error) {
	opts := config.LoadOptions{File: a.flags.config, Env: a.env}
	for _, kv := range a.flags.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, usagef("--set %s has no value: write --set key=value", kv)
		}
		opts.Flags = append(opts.Flags, config.FlagValue{Name: "--set " + key, Key: key, Value: value})
	}
	for _, f := range config.Flags() {
		if given := cmd.Flags().Lookup(f.Name); given != nil && given.Changed && given.Annotations[settingFlag] != nil {
			opts.Flags = append(opts.Flags, config.FlagValue{Name: "--" + f.Name, Key: f.Key, Value: given.Value.String()})
		}
	}
	return config.Load(opts)
}

// say prints a line for people to stderr, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.flags.quiet {
		fmt.Fprintln(a.err, sayable(fmt.Sprintf(format, args...)))
	}
}

// confirm asks before something is destroyed. It returns nil for yes. Without a terminal there is nobody to ask, so --yes is needed.
func (a *app) confirm(question string) error {
	if a.flags.yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usagef("%s Add --yes to go ahead; nobody can be asked here", question)
	}
	fmt.Fprint(a.err, sayable(question)+" [y/N] ")
	answer, err := bufio.NewReader(io.LimitReader(a.in, 64)).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was changed")
}

// colour reports whether w is a terminal that wants colours (https://no-color.org).
func (a *app) colour(w io.Writer) bool {
	return isTerminal(w) && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// isTerminal reports whether a stream is a terminal. Streams of tests are not.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// usageError is a command line that says nothing sensible.
type usageError struct{ message string }

// Error returns the cause and the mend.
func (e *usageError) Error() string { return e.message }

// usagef returns an error that ends the program with exit code 2.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// report prints err for people and returns the exit code that programs go by.
func (a *app) report(err error) int {
	if err == nil {
		return exitFine
	}
	prefix := "Error: "
	if a.colour(a.err) {
		prefix = "\x1b[31mError:\x1b[0m "
	}
	fmt.Fprintln(a.err, prefix+sayable(tell(err)))
	var usage *usageError
	switch kind := idp.KindOf(err); {
	case !a.started, errors.As(err, &usage):
		return exitUsage
	case kind == idp.NotFound:
		return exitNotFound
	case kind == idp.Conflict:
		return exitConflict
	}
	return exitFailed
}
