package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// engineVariable names the engine to the tests (package storetest).
const engineVariable = "IDP_TEST_ENGINE"

// onEach is the first argument of a testall that go test starts in the place of each test binary: go test -exec.
const onEach = "-on-each"

// execFlag returns the flag of go test by which each test binary is linked once and runs on every engine, one after the other. What opens no
// database gives the same answer on every engine: those packages run on the first.
func execFlag(engines, withDatabase []string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find testall itself: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the folder of the module: %w", err)
	}
	// go test splits the flag at spaces, and knows quotes.
	return fmt.Sprintf("-exec=%q %s %s %q %q", self, onEach, strings.Join(engines, ","), root, strings.Join(withDatabase, ",")), nil
}

// runOnEach is the other end of execFlag, in the folder of the package. It returns the exit code.
func runOnEach(args []string, out io.Writer) (int, error) {
	if len(args) < 4 {
		return 0, errors.New("go test gave no test binary to run")
	}
	engines, root, withDatabase, command := strings.Split(args[0], ","), args[1], strings.Split(args[2], ","), args[3:]
	folder, err := os.Getwd()
	if err != nil {
		return 0, fmt.Errorf("find the package: %w", err)
	}
	below, err := filepath.Rel(root, folder)
	if err != nil {
		return 0, fmt.Errorf("find the package: %w", err)
	}
	if !slices.Contains(withDatabase, "idp/"+filepath.ToSlash(below)) {
		engines = engines[:1]
	}
	worst := 0
	for _, engine := range engines {
		fmt.Fprint(out, mark(engine, ""))
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), engineVariable+"="+engine)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		code, err := runAndPassSignals(cmd)
		if err != nil {
			return 0, fmt.Errorf("run %s: %w", command[0], err)
		}
		verdict := "pass"
		if code != 0 {
			verdict, worst = "fail", code
		}
		fmt.Fprint(out, mark(engine, verdict))
	}
	return worst, nil
}

// runAndPassSignals runs cmd and returns its exit code. When go test has waited too long it sends a signal for the goroutines' stacks.
func runAndPassSignals(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // it may have ended in between
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return max(exit.ExitCode(), 1), nil // -1: killed
			}
			return 0, err
		}
	}
}

// marker begins the lines between which a package's tests ran on one engine.
const marker = "=== ENGINE "

// mark returns the line before the tests (no verdict) or after them. What came before may have no end of line.
func mark(engine, verdict string) string {
	return "\n" + marker + strings.TrimSpace(engine+" "+verdict) + "\n"
}

// readMark reads a line that mark wrote.
func readMark(line string) (engine, verdict string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), marker)
	engine, verdict, _ = strings.Cut(rest, " ")
	return engine, verdict, ok
}
