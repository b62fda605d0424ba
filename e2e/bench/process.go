package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Cores of the pinned run.
const (
	serverCore    = "0"
	generatorCore = "1"
)

// ticksPerSecond is the unit of CPU times in /proc (sysconf(_SC_CLK_TCK)), 100 on every Linux that Go supports.
const ticksPerSecond = 100

// process is a child that dies with us.
type process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{}
	stop os.Signal
}

// spawn starts a command, pinned to the server's core if pinned is set. ready names the moment just before it started.
func spawn(cmd *exec.Cmd, pinned bool, stop os.Signal) (p *process, began time.Time, err error) {
	if pinned {
		taskset, err := exec.LookPath("taskset")
		if err != nil {
			return nil, began, errors.New("taskset (Debian package util-linux) was not found: install it or use -unpinned")
		}
		cmd.Args = append([]string{"taskset", "-c", serverCore, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = taskset
	}
	p = &process{cmd: cmd, log: &tail{}, done: make(chan struct{}), stop: stop}
	if cmd.Stderr == nil {
		cmd.Stderr = p.log
	}
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	cmd.SysProcAttr = leash(cmd.SysProcAttr)
	began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, began, err
	}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	return p, began, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end asks the process to stop, and makes it after a while.
func (p *process) end() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(p.stop) // it may be gone
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write appends p and forgets the beginning.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 16<<10 {
		t.text = append(t.text[:0], t.text[len(t.text)-4<<10:]...)
	}
	return len(p), nil
}

// String returns it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// pinSelf moves every thread of this process to the generator's core.
func pinSelf(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "taskset", "-a", "-p", "-c", generatorCore, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pin the generator: %w: %s", err, out)
	}
	runtime.GOMAXPROCS(1)
	return nil
}

// cpuTime returns the CPU time that a process, its living children and its reaped ones have used.
func cpuTime(pid int) (time.Duration, error) {
	own, err := procStat(pid)
	if err != nil {
		return 0, err
	}
	total := own.self + own.reaped
	// PostgreSQL's backends are children of its first process.
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", list, err)
			}
			if s, err := procStat(child); err == nil { // it may have ended
				total += s.self
			}
		}
	}
	return total, nil
}

type stat struct{ self, reaped time.Duration }

func procStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name in brackets may hold anything; fields count from behind it (proc(5)).
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks [4]int64 // utime, stime, cutime, cstime
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[11+i], 10, 64); err != nil {
			return stat{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	const tick = time.Second / ticksPerSecond
	return stat{self: time.Duration(ticks[0]+ticks[1]) * tick, reaped: time.Duration(ticks[2]+ticks[3]) * tick}, nil
}

// memory returns a line of /proc/PID/status, such as VmHWM, in bytes.
func memory(pid int, line string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for row := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(row, line+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, line)
}

// forgetPeak makes VmHWM count from now on (proc(5), clear_refs).
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// environment is the whole environment of a child: nothing of the tester's own settings gets in.
func environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}, extra...)
}

// owner is the user that PostgreSQL runs as; nil for our own. It refuses to be root.
type owner = syscall.Credential
