package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/argon2"
)

// part is a piece of work that no server can leave out.
type part string

// The parts. HTTP and database depend on concurrency and are measured at the goals'.
const (
	partGet    part = "http_get"      // bare net/http, constant answer
	partConf   part = "http_get_conf" // the same, as long as the discovery document
	partKeys   part = "http_get_keys" // the same, as long as the key set
	partPost   part = "http_post"     // bare net/http with Basic and form, constant answer
	partJSON   part = "json"          // encoding a token answer
	partES256  part = "sign_es256"    // bare signatures of a token's size
	partEdDSA  part = "sign_eddsa"    //
	partRS256  part = "sign_rs256"    // 2048 bits
	partVerify part = "verify_es256"  // a bare verification
	partHash   part = "argon2id"      // 19 MiB, t=2, p=1
	partRead   part = "db_read"       // one row by key
	partInsert part = "db_insert"     // one row and its durable commit
	partRotate part = "db_rotate"     // one conditional update and its durable commit
	limitTime       = time.Second     // of the database's limits
	signTime        = time.Second / 2 // of a bare signature
	limitRows       = 10_000          // rows in the table that is read
	rowBytes        = 240             // about a living authorization
)

// cost is what one piece of work takes: of time, where all that the core does is this, and of CPU.
type cost struct {
	Rate float64 `json:"per_second"`
	CPU  float64 `json:"cpu_us"`
}

// measureLimits runs as a child of its own, on the server's core, and prints the costs as JSON.
func measureLimits(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet(roleLimits, flag.ContinueOnError)
	engine := flags.String("engine", "", "sqlite or postgres")
	address := flags.String("address", "", "path or URL of an empty database")
	workers := flags.Int("c", 16, "connections")
	pid := flags.Int("pid", 0, "first process of PostgreSQL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	costs := map[part]cost{}
	if err := rawLimits(costs); err != nil {
		return err
	}
	var err error
	switch *engine {
	case engineSQLite:
		err = sqliteLimits(ctx, costs, *address, *workers)
	case enginePostgres:
		err = postgresLimits(ctx, costs, *address, *workers, *pid)
	default:
		err = fmt.Errorf("no limits for engine %q", *engine)
	}
	if err != nil {
		return fmt.Errorf("limits of %s: %w", *engine, err)
	}
	return json.NewEncoder(out).Encode(costs)
}

func rawLimits(costs map[part]cost) error {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	message := []byte(strings.Repeat("x", 500))
	salt := message[:16]
	sum := sha256.Sum256(message)
	signature, err := ec.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	answer := struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}{strings.Repeat("x", 480), "Bearer", 600, "api.read"}
	for name, do := range map[part]func() error{
		partES256: func() error {
			d := sha256.Sum256(message)
			_, err := ec.Sign(nil, d[:], crypto.SHA256) // RFC 6979: the faster of the two ways
			return err
		},
		partEdDSA: func() error { _, err := ed.Sign(nil, message, crypto.Hash(0)); return err },
		partRS256: func() error {
			d := sha256.Sum256(message)
			_, err := rs.Sign(rand.Reader, d[:], crypto.SHA256)
			return err
		},
		partVerify: func() error {
			d := sha256.Sum256(message)
			if !ecdsa.VerifyASN1(&ec.PublicKey, d[:], signature) {
				return errors.New("a signature of our own does not verify")
			}
			return nil
		},
		partHash: func() error {
			argon2.IDKey([]byte(password), salt, hashIterations, hashMemoryKiB, 1, hashBytes)
			return nil
		},
		partJSON: func() error { _, err := json.Marshal(&answer); return err },
	} {
		if costs[name], err = repeat(1, signTime, 0, func(int) (int, error) { return 1, do() }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// repeat calls do from a number of workers, in closed loops, and returns the cost of one unit; do says how many it did. CPU is ours and
// that of the process pid with its children, if there is one.
func repeat(workers int, span time.Duration, pid int, do func(worker int) (int, error)) (cost, error) {
	runtime.GC() // what came before is not this one's cost
	before, err := cpuHere(pid)
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	until := began.Add(span)
	counts, errs := make([]int, workers), make([]error, workers)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for errs[worker] == nil && time.Now().Before(until) {
				var n int
				n, errs[worker] = do(worker)
				counts[worker] += n
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	after, err := cpuHere(pid)
	for _, one := range append(errs, err) {
		if one != nil {
			return cost{}, one
		}
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return cost{Rate: float64(total) / took.Seconds(), CPU: float64((after - before).Microseconds()) / float64(max(1, total))}, nil
}

func cpuHere(pid int) (time.Duration, error) {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0, err
	}
	total := time.Duration(use.Utime.Nano() + use.Stime.Nano())
	if pid == 0 {
		return total, nil
	}
	other, err := cpuTime(pid)
	return total + other, err
}

// limit adds up the parts of a scenario.
func limit(parts []part, costs map[part]cost) (rate, cpu float64, ok bool) {
	var seconds float64
	for _, p := range parts {
		c, known := costs[p]
		if !known || c.Rate == 0 {
			return 0, 0, false
		}
		seconds += 1 / c.Rate
		cpu += c.CPU
	}
	return 1 / seconds, cpu, len(parts) > 0
}

// partsInOrder lists the measured parts for the report.
func partsInOrder(costs map[part]cost) []part {
	order := []part{partGet, partConf, partKeys, partPost, partJSON, partES256, partEdDSA, partRS256, partVerify, partHash, partRead, partInsert, partRotate}
	return slices.DeleteFunc(order, func(p part) bool { _, ok := costs[p]; return !ok })
}
