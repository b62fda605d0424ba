package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names of the programs that this binary runs as its own children, pinned to the server's core.
const (
	roleFloor  = "floor"
	roleLimits = "limits"
)

// mostTime bounds the whole run, whatever the flags say.
const mostTime = time.Hour

// options is what the command line says.
type options struct {
	Binary      string   `json:"-"`
	Scenarios   []string `json:"scenarios"`
	Engines     []string `json:"engines"`
	Concurrency []int    `json:"concurrency"`
	Seconds     float64  `json:"seconds"`
	Unpinned    bool     `json:"unpinned"`
	Environment []string `json:"environment"` // NAME=VALUE for the server: settings to be compared
	Profile     string   `json:"-"`           // folder for perf's recordings
	Folder      string   `json:"-"`
	JSON        string   `json:"-"`
}

// span is the measured part of each cell.
func (o *options) span() time.Duration { return time.Duration(o.Seconds * float64(time.Second)) }

// goalConcurrency is the concurrency that the goals are about.
func (o *options) goalConcurrency() int {
	if slices.Contains(o.Concurrency, 16) {
		return 16
	}
	return o.Concurrency[len(o.Concurrency)-1]
}

// workers is how many users, sessions and connections there must be.
func (o *options) workers() int { return max(slices.Max(o.Concurrency), stormLogins) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case roleFloor:
			return serveFloor(ctx, out)
		case roleLimits:
			return measureLimits(ctx, args[1:], out)
		}
	}
	o, err := parseOptions(args, progress)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	b := &bench{options: o, out: out, progress: progress}
	defer b.close()
	report, err := b.run(ctx)
	if err != nil {
		return err
	}
	if o.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.JSON, append(text, '\n'), 0o644)
}

func parseOptions(args []string, out io.Writer) (*options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	o := &options{}
	var scenarios, engines, concurrency string
	flags.StringVar(&o.Binary, "binary", "bin/idp", "the release binary")
	flags.StringVar(&scenarios, "scenarios", "", "names parted by commas; all if empty: "+strings.Join(scenarioNames(), ", "))
	flags.StringVar(&engines, "engines", "sqlite,postgres", "databases, parted by commas")
	flags.StringVar(&concurrency, "c", "1,16,64", "numbers of workers, parted by commas")
	flags.Float64Var(&o.Seconds, "seconds", 2, "measured time of each cell")
	flags.BoolVar(&o.Unpinned, "unpinned", false, "let server and generator share all cores")
	flags.Func("env", "NAME=VALUE for the server, such as GOMAXPROCS=1; may be repeated", func(text string) error {
		if !strings.Contains(text, "=") {
			return errors.New("write NAME=VALUE")
		}
		o.Environment = append(o.Environment, text)
		return nil
	})
	flags.StringVar(&o.Profile, "profile", "", "folder for a perf recording of the server in each cell at the goals' concurrency")
	flags.StringVar(&o.Folder, "dir", os.TempDir(), "where the databases are put for the run: a real disk, or commits cost nothing")
	flags.StringVar(&o.JSON, "json", "", "file for all figures")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if o.Seconds < 0.2 || o.Seconds > 60 {
		return nil, errors.New("-seconds must be 0.2 to 60")
	}
	o.Scenarios, o.Engines = words(scenarios), words(engines)
	if len(o.Scenarios) == 0 {
		o.Scenarios = scenarioNames()
	}
	for _, name := range o.Scenarios {
		if !slices.Contains(scenarioNames(), name) {
			return nil, fmt.Errorf("there is no scenario %q: choose from %s", name, strings.Join(scenarioNames(), ", "))
		}
	}
	for _, name := range o.Engines {
		if name != engineSQLite && name != enginePostgres {
			return nil, fmt.Errorf("-engines: %q is neither sqlite nor postgres", name)
		}
	}
	for _, text := range words(concurrency) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1024 {
			return nil, fmt.Errorf("-c: %q is not a number from 1 to 1024", text)
		}
		o.Concurrency = append(o.Concurrency, n)
	}
	if len(o.Concurrency) == 0 || len(o.Engines) == 0 {
		return nil, errors.New("-c and -engines must name something")
	}
	return o, nil
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
