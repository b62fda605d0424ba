package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// storetest is the package through which tests obtain a database: what imports it can run on either engine.
const storetest = "idp/internal/store/storetest"

func main() {
	if len(os.Args) > 1 && os.Args[1] == onEach {
		code, err := runOnEach(os.Args[2:], os.Stdout)
		if err != nil {
			fmt.Fprintln(os.Stderr, "testall:", err)
			code = 1
		}
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testall:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run tests the packages that args name on the engines that args name, and reports whether all passed.
func run(ctx context.Context, args []string, out io.Writer) (bool, error) {
	flags := flag.NewFlagSet("testall", flag.ContinueOnError)
	engineList := flags.String("engines", "sqlite,postgres", "database engines, in this order")
	countFile := flags.String("count-file", "", "file that also gets the closing line")
	// No vet: make lint, which runs beside the tests in CI, does more of it. Four packages at a time on two processors: some mostly wait.
	goFlags := flags.String("goflags", "-count=1 -p=4 -vet=off -timeout=9m -ldflags=-w", "further flags of go test, split at spaces")
	if err := flags.Parse(args); err != nil {
		return false, fmt.Errorf("read the flags: %w", err)
	}
	patterns := flags.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}

	if folder := os.Getenv(memoryVariable); folder != "" {
		if err := os.Setenv("TMPDIR", folder); err != nil {
			return false, fmt.Errorf("choose the folder for temporary files: %w", err)
		}
	}
	all, withDatabase, err := listPackages(ctx, patterns)
	if err != nil {
		return false, err
	}

	remove, err := buildBinary(ctx, all)
	if err != nil {
		return false, err
	}
	defer remove()

	total := newTally()
	started := time.Now()
	engines := strings.Split(*engineList, ",")
	fmt.Fprintf(out, "--- %s: %d packages, %d with a database\n", strings.Join(engines, ", "), len(all), len(withDatabase))
	testFlags := strings.Fields(*goFlags)
	if len(engines) > 1 {
		each, err := execFlag(engines, withDatabase)
		if err != nil {
			return false, err
		}
		testFlags = append(testFlags, each)
	}
	if err := runTests(ctx, engines[0], testFlags, all, total, out); err != nil {
		return false, err
	}
	total.writeSummary(out)
	fmt.Fprintf(out, "took %s\n%s\n", time.Since(started).Round(time.Second), total.line())
	if *countFile != "" {
		if err := os.WriteFile(*countFile, []byte(total.line()+"\n"), 0o644); err != nil {
			return false, fmt.Errorf("write the count: %w", err)
		}
	}
	return total.ok(), nil
}

// memoryVariable names a folder in memory, if scripts/with-postgres found room for one: what tests write is thrown away.
const memoryVariable = "IDP_TEST_MEMORY"

// binaryVariable names the built binary to the black-box tests (package e2e/server), each of which would build one of its own.
const binaryVariable = "IDP_TEST_BINARY"

// buildBinary builds cmd/idp once for all black-box tests among packages, and returns what removes it.
func buildBinary(ctx context.Context, packages []string) (remove func(), err error) {
	blackBox := func(name string) bool { return strings.HasPrefix(name, "idp/e2e/") }
	if os.Getenv(binaryVariable) != "" || !slices.ContainsFunc(packages, blackBox) {
		return func() {}, nil
	}
	folder, err := os.MkdirTemp("", "idp-testall-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the binary: %w", err)
	}
	remove = func() { _ = os.RemoveAll(folder) } // in the folder for temporary things
	path := filepath.Join(folder, "idp")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", path, "idp/cmd/idp")
	if words, err := cmd.CombinedOutput(); err != nil {
		// Not the end: the packages that do not need it still have something to say, and those that do will say this again.
		fmt.Fprintf(os.Stderr, "testall: go build ./cmd/idp: %v\n%s", err, words)
		return remove, nil
	}
	return remove, os.Setenv(binaryVariable, path)
}

// listPackages returns the packages that match patterns, and those among them whose tests can open a database.
func listPackages(ctx context.Context, patterns []string) (all, withDatabase []string, err error) {
	// -e: a package that does not build is still listed, so that it is counted as a failure instead of ending the run.
	const format = `{{if not .Standard}}{{.ImportPath}} {{join .Deps ","}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-e", "-test", "-f", format}, patterns...)...)
	cmd.Stderr = os.Stderr
	listing, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("list the packages: %w", err)
	}
	return splitByDatabase(string(listing))
}

// splitByDatabase reads lines of "package dependency,dependency", where the test binary of p is listed as p.test.
func splitByDatabase(listing string) (all, withDatabase []string, err error) {
	for line := range strings.Lines(listing) {
		path, deps, _ := strings.Cut(strings.TrimSpace(line), " ")
		// "p [q.test]" is p compiled anew for the tests of q: its rest of line is no list of dependencies.
		if path == "" || strings.HasPrefix(deps, "[") {
			continue
		}
		if tested, isTest := strings.CutSuffix(path, ".test"); isTest {
			for dep := range strings.SplitSeq(deps, ",") {
				name, _, _ := strings.Cut(dep, " ")
				if name == storetest {
					withDatabase = append(withDatabase, tested)
					break
				}
			}
			continue
		}
		if !strings.HasSuffix(path, "_test") {
			all = append(all, path)
		}
	}
	if len(all) == 0 {
		return nil, nil, errors.New("no package matches")
	}
	return slices.Compact(all), slices.Compact(withDatabase), nil
}

// runTests runs go test, with engine chosen unless the flags say more, and adds what happened to total.
func runTests(ctx context.Context, engine string, goFlags, packages []string, total *tally, out io.Writer) error {
	args := append([]string{"test", "-json"}, goFlags...)
	cmd := exec.CommandContext(ctx, "go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), engineVariable+"="+engine)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("connect to go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start go test: %w", err)
	}
	before := total.failed
	readErr := total.read(engine, bufio.NewReader(stream), out)
	waitErr := cmd.Wait()
	if readErr != nil {
		return fmt.Errorf("read the events of go test: %w", readErr)
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case errors.As(waitErr, &exit):
		if total.failed == before {
			// go test itself did not get as far as a package.
			total.addFailure(engine, "go test", "", fmt.Sprintf("go test ended with status %d and named no failure\n", exit.ExitCode()), out)
		}
	case waitErr != nil:
		return fmt.Errorf("wait for go test: %w", waitErr)
	}
	return nil
}
