package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	engineSQLite   = "sqlite"
	enginePostgres = "postgres"
)

// warmUp comes before each measured span, unmeasured.
const warmUp = 500 * time.Millisecond

// bench is one run.
type bench struct {
	*options
	out, progress io.Writer
	processes     []*process
	folders       []string
	floor         *process
	floorAddress  string
}

// close ends what runs and removes what was written, last first.
func (b *bench) close() {
	for _, p := range slices.Backward(b.processes) {
		p.end()
	}
	for _, folder := range b.folders {
		_ = os.RemoveAll(folder) // temporary anyway
	}
}

func (b *bench) note(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

func (b *bench) folder(parent, name string) (string, error) {
	folder, err := os.MkdirTemp(parent, name)
	if err == nil {
		b.folders = append(b.folders, folder)
	}
	return folder, err
}

func (b *bench) run(ctx context.Context) (*report, error) {
	leashSelf()
	r := &report{Options: b.options, Machine: describeMachine()}
	if info, err := os.Stat(b.Binary); err != nil {
		return nil, fmt.Errorf("the binary under test: %w: `make build` makes it", err)
	} else {
		r.BinarySize = info.Size()
	}
	if !b.Unpinned {
		if runtime.NumCPU() < 2 {
			return nil, errors.New("there is one core only: use -unpinned")
		}
		if err := pinSelf(ctx); err != nil {
			return nil, err
		}
	}
	if err := b.startFloor(ctx); err != nil {
		return nil, err
	}
	r.printHead(b.out)
	for _, engine := range b.Engines {
		e, err := b.engine(ctx, engine)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", engine, err)
		}
		r.Engines = append(r.Engines, e)
		e.print(b.out, b.options)
	}
	return r, nil
}

// self returns a command that runs this binary in another role, on one processor like the server.
func (b *bench) self(args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = environment("HOME=" + os.TempDir())
	return cmd, nil
}

func (b *bench) startFloor(ctx context.Context) error {
	cmd, err := b.self(roleFloor)
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	cmd.Stdout = write
	b.floor, _, err = spawn(cmd, !b.Unpinned, syscall.SIGTERM)
	_ = write.Close() // the child has its own
	if err != nil {
		return fmt.Errorf("start the floor: %w", err)
	}
	b.processes = append(b.processes, b.floor)
	if err := read.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the floor did not start: %w\n%s", err, b.floor.log)
	}
	b.floorAddress = strings.TrimSpace(line)
	return ctx.Err()
}

// engine measures everything on one database.
func (b *bench) engine(ctx context.Context, name string) (*engineReport, error) {
	e := &engineReport{Engine: name}
	folder, err := b.folder(b.Folder, "idp-bench-")
	if err != nil {
		return nil, err
	}
	var pg *cluster
	databaseURL, limitAddress := "sqlite:"+filepath.Join(folder, "idp.db"), filepath.Join(folder, "limits.db")
	if name == enginePostgres {
		b.note("%s: make a cluster", name)
		if pg, err = b.cluster(ctx); err != nil {
			return nil, err
		}
		databaseURL, limitAddress = pg.url("idp"), pg.url("limits")
	}
	b.note("%s: limits of this machine", name)
	if e.Limits, err = b.limits(ctx, name, limitAddress, pg); err != nil {
		return nil, err
	}
	s, err := newServer(b.options, folder, databaseURL, b.workers())
	if err != nil {
		return nil, err
	}
	if e.FirstStart, err = s.start(ctx, true); err != nil {
		return nil, err
	}
	b.processes = append(b.processes, s.process)
	if err := b.scenarioCells(ctx, e, s, pg); err != nil {
		return nil, fmt.Errorf("%w\nthe server's log ends with:\n%s", err, s.logTail())
	}
	s.end()
	b.note("%s: start to ready", name)
	if err := b.startup(ctx, e, s); err != nil {
		return nil, err
	}
	if pg != nil {
		pg.end()
	}
	e.judge(b.goalConcurrency())
	return e, nil
}

func (b *bench) cluster(ctx context.Context) (*cluster, error) {
	data, err := b.folder(b.Folder, "idp-bench-pg-")
	if err != nil {
		return nil, err
	}
	socket, err := b.folder("/tmp", "idp-bench-")
	if err != nil {
		return nil, err
	}
	pg, err := startCluster(ctx, data, socket, !b.Unpinned)
	if err != nil {
		return nil, err
	}
	b.processes = append(b.processes, pg.process)
	return pg, errors.Join(pg.create(ctx, "idp"), pg.create(ctx, "limits"))
}

func (b *bench) limits(ctx context.Context, engine, address string, pg *cluster) (map[part]cost, error) {
	args := []string{roleLimits, "-engine", engine, "-address", address, "-c", strconv.Itoa(b.goalConcurrency())}
	if pg != nil {
		args = append(args, "-pid", strconv.Itoa(pg.pid()))
	}
	cmd, err := b.self(args...)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	p, _, err := spawn(cmd, !b.Unpinned, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	b.processes = append(b.processes, p)
	select {
	case <-p.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !p.cmd.ProcessState.Success() {
		return nil, fmt.Errorf("measure the limits: %s", p.log)
	}
	var costs map[part]cost
	return costs, json.Unmarshal(out.Bytes(), &costs)
}

// floors measures the bare HTTP server, whose documents are as long as those of real.
func (b *bench) floors(ctx context.Context, e *engineReport, real *site) error {
	there := &site{issuer: "http://" + b.floorAddress, host: b.floorAddress}
	for _, floor := range []struct {
		part part
		do   operation
	}{
		{partGet, floorGet(floorShort)},
		{partConf, floorGet(len(real.discovery))},
		{partKeys, floorGet(len(real.jwks))},
		{partPost, floorPost},
	} {
		for _, n := range b.Concurrency {
			workers := newWorkers(there, b.floorAddress, n)
			c, err := b.cell(ctx, load{workers, floor.do}, warmUp, b.floor.pid(), 0, "")
			closeAll(workers)
			if err != nil {
				return err
			}
			c.Scenario = string(floor.part)
			e.Floors = append(e.Floors, c)
			if n == b.goalConcurrency() {
				e.Limits[floor.part] = cost{Rate: c.Rate, CPU: c.ServerCPU}
			}
		}
	}
	return nil
}

func newWorkers(there *site, address string, n int) []*worker {
	all := make([]*worker, n)
	for i := range all {
		all[i] = &worker{conn: newConn(address), number: i, site: there}
	}
	return all
}

func closeAll(workers []*worker) {
	for _, w := range workers {
		w.close()
	}
}

// scenarioCells signs everybody in, and measures scenario by scenario.
func (b *bench) scenarioCells(ctx context.Context, e *engineReport, s *server, pg *cluster) error {
	there, err := open(s.issuer, s.address)
	if err != nil {
		return err
	}
	if err := b.floors(ctx, e, there); err != nil {
		return err
	}
	workers := newWorkers(there, s.address, b.workers())
	defer closeAll(workers)
	b.note("%s: sign %d users in", e.Engine, len(workers))
	if err := each(ctx, workers, 8, func(w *worker) error { return w.signIn("es256", w.unique()) }); err != nil {
		return fmt.Errorf("set-up: %w", err)
	}
	if err := verifyOnce(workers[0]); err != nil {
		return err
	}
	database := 0
	if pg != nil {
		database = pg.pid()
	}
	for _, one := range scenarios() {
		if !slices.Contains(b.Scenarios, one.name) {
			continue
		}
		if one.prepare != nil {
			if err := each(ctx, workers, 8, one.prepare); err != nil {
				return fmt.Errorf("prepare %s: %w", one.name, err)
			}
		}
		for _, n := range b.Concurrency {
			warm := warmUp
			if one.name == nameLogin {
				warm += time.Duration(n) * 25 * time.Millisecond // until the queue is as it stays
			}
			name := ""
			if n == b.goalConcurrency() {
				name = e.Engine + "-" + one.name
			}
			c, err := b.cell(ctx, load{workers[:n], one.do}, warm, s.pid(), database, name)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			c.Scenario = one.name
			e.Cells = append(e.Cells, c)
			b.note("%s: %-24s c=%-3d %9.0f/s  p50 %-10s p99 %-10s errors %d %s", e.Engine, c.Scenario, n, c.Rate, c.P50, c.P99, c.Errors, c.FirstError)
			if c.Operations == 0 && c.Errors > 0 {
				break // it does not work at all: the next cells would say the same
			}
		}
	}
	if !slices.Contains(b.Scenarios, nameLogin) {
		return nil
	}
	return b.storm(ctx, e, s, workers)
}

// verifyOnce checks one token of each client to the bottom.
func verifyOnce(w *worker) error {
	for _, c := range clients() {
		t, err := w.authorize(c.id, userScopes, w.unique(), "n")
		if err != nil {
			return fmt.Errorf("set-up, client %s: %w", c.id, err)
		}
		if err := errors.Join(w.site.verify(t.access, c.accessAlg), w.site.verify(t.id, c.idAlg)); err != nil {
			return fmt.Errorf("set-up, client %s: %w", c.id, err)
		}
	}
	return nil
}

// each runs do for all workers, some at a time, until one fails.
func each(ctx context.Context, workers []*worker, atOnce int, do operation) error {
	failed := make(chan error, atOnce)
	for i := range atOnce {
		go func() {
			for n := i; n < len(workers); n += atOnce {
				if err := errors.Join(ctx.Err(), do(workers[n])); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	var all error
	for range atOnce {
		all = errors.Join(all, <-failed)
	}
	return all
}

// cell measures one load on the processes server and database (0: none). A name asks for a recording of the server.
func (b *bench) cell(ctx context.Context, l load, warm time.Duration, server, database int, name string) (cell, error) {
	c := cell{Concurrency: len(l.workers)}
	m := &meter{server: server, database: database}
	var recorder *process
	begin := func() (err error) {
		if b.Profile != "" && name != "" {
			if recorder, err = b.record(server, name); err != nil {
				return err
			}
		}
		return m.begin()
	}
	results, err := drive(ctx, []load{l}, warm, b.span(), begin, m.end)
	recorder.end()
	if err != nil {
		return c, err
	}
	c.result = results[0]
	c.ServerCPU, c.DatabaseCPU, c.Peak = m.perOperation(c.Operations)
	return c, nil
}

// record starts perf on the server until it is ended.
func (b *bench) record(pid int, name string) (*process, error) {
	perf, err := exec.LookPath("perf")
	if err != nil {
		return nil, errors.New("-profile needs perf (Debian package linux-perf)")
	}
	if err := os.MkdirAll(b.Profile, 0o755); err != nil { // perf would fail where nobody looks
		return nil, err
	}
	cmd := exec.Command(perf, "record", "-q", "-F", "999", "--call-graph", "fp", "-p", strconv.Itoa(pid), "-o", filepath.Join(b.Profile, name+".perf"))
	p, _, err := spawn(cmd, false, syscall.SIGINT)
	return p, err
}

// meter reads CPU and memory at both ends of a span.
type meter struct {
	server, database int
	cpu              [2]time.Duration // server, database
	peak             int64
}

func (m *meter) begin() error {
	if err := forgetPeak(m.server); err != nil {
		return err
	}
	cpu, err := m.read()
	m.cpu = cpu
	return err
}

func (m *meter) end() error {
	cpu, err := m.read()
	if err != nil {
		return err
	}
	for i := range cpu {
		m.cpu[i] = cpu[i] - m.cpu[i]
	}
	m.peak, err = memory(m.server, "VmHWM")
	return err
}

func (m *meter) read() (cpu [2]time.Duration, err error) {
	for i, pid := range []int{m.server, m.database} {
		if pid == 0 {
			continue
		}
		if cpu[i], err = cpuTime(pid); err != nil {
			return cpu, err
		}
	}
	return cpu, nil
}

// perOperation returns microseconds of server and database, and the peak of the server's memory.
func (m *meter) perOperation(n int) (server, database float64, peak int64) {
	if n == 0 {
		return 0, 0, m.peak
	}
	return float64(m.cpu[0].Microseconds()) / float64(n), float64(m.cpu[1].Microseconds()) / float64(n), m.peak
}
