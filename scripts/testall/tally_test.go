package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTally_EveryOutcomeIsCountedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events string
		want   string
		says   string // the report must contain it
	}{
		{"a test without subtests", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"pass","Package":"p","Elapsed":0.2}`, "1 passed, 0 failed", "ok   sqlite    p"},
		{"subtests count, their parent does not", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"run","Package":"p","Test":"TestA/y"}
{"Action":"output","Package":"p","Test":"TestA/y","Output":"    a_test.go:3: no browser\n"}
{"Action":"skip","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`, "1 passed, 0 failed, 1 skipped", "a_test.go:3: no browser"},
		{"a failing subtest is one failure, not two", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"    a_test.go:4: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "0 passed, 1 failed", "=== FAILED: sqlite p TestA/x\n    a_test.go:4: got 1, want 2"},
		{"a parent that fails by itself is a failure beside its subtests", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:5: leak\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed", "a_test.go:5: leak"},
		{"a package that does not build is a failure, with the compiler's words", `
{"ImportPath":"p [p.test]","Action":"build-output","Output":"a_test.go:3:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`, "0 passed, 1 failed", "undefined: x"},
		{"a TestMain that gives up is a failure", `
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"no database\n"}
{"Action":"fail","Package":"p"}`, "0 passed, 1 failed", "no database"},
		{"a test without a verdict has failed", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed", "still running"},
		{"a package without an end has failed", `
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"signal: killed\n"}`, "0 passed, 1 failed", "killed"},
		{"a package counts on each engine where it ran", `
{"Action":"start","Package":"p"}
{"Time":"2026-01-01T10:00:00Z","Action":"output","Package":"p","Output":"=== ENGINE sqlite\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Time":"2026-01-01T10:00:02Z","Action":"output","Package":"p","Output":"=== ENGINE sqlite pass\n"}
{"Time":"2026-01-01T10:00:02Z","Action":"output","Package":"p","Output":"=== ENGINE postgres\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:6: no such table\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Time":"2026-01-01T10:00:05Z","Action":"output","Package":"p","Output":"=== ENGINE postgres fail\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t5s\n"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed", "=== FAILED: postgres p TestA\n    a_test.go:6: no such table"},
		{"a test binary that dies on one engine fails there", `
{"Action":"output","Package":"p","Output":"=== ENGINE sqlite\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== ENGINE sqlite fail\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== ENGINE postgres\n"}
{"Action":"output","Package":"p","Output":"no database\n"}
{"Action":"output","Package":"p","Output":"=== ENGINE postgres fail\n"}
{"Action":"fail","Package":"p"}`, "0 passed, 2 failed", "=== FAILED: postgres p\nno database"},
		{"a failure that no engine tells is one", `
{"Action":"output","Package":"p","Output":"=== ENGINE sqlite\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"=== ENGINE sqlite pass\n"}
{"Action":"output","Package":"p","Output":"*** Test killed\n"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed", "Test killed"},
		{"no test files count nothing", `
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}`, "0 passed, 0 failed", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			total := newTally()
			var out strings.Builder
			events := bufio.NewReader(strings.NewReader(strings.TrimSpace(test.events)))
			if err := total.read("sqlite", events, &out); err != nil {
				t.Fatalf("read: %v", err)
			}
			total.writeSummary(&out)
			if got := total.line(); got != test.want {
				t.Errorf("line() = %q, want %q", got, test.want)
			}
			if !strings.Contains(out.String(), test.says) {
				t.Errorf("report = %q, want it to contain %q", out.String(), test.says)
			}
		})
	}
}

func TestTally_NothingRunIsNoSuccess(t *testing.T) {
	t.Parallel()
	if newTally().ok() {
		t.Error("ok() of an empty tally = true, want false")
	}
}

func TestSplitByDatabase_FindsWhatReachesStoretest(t *testing.T) {
	t.Parallel()
	listing := strings.Join([]string{
		"idp/internal/idp errors,fmt",
		"idp/internal/idp.test errors,fmt,idp/internal/idp [idp/internal/idp.test],testing",
		"idp/internal/keys errors",
		"idp/internal/keys.test errors,idp/internal/store/storetest,testing",
		"idp/internal/keys_test [idp/internal/keys.test] errors,idp/internal/store/storetest",
		"idp/internal/store errors",
		"idp/internal/store.test errors,idp/internal/store/storetest [idp/internal/store.test],testing",
		"idp/internal/store/storetest [idp/internal/store.test] errors",
		"idp/internal/store/storetest errors",
	}, "\n")
	all, withDatabase, err := splitByDatabase(listing)
	if err != nil {
		t.Fatalf("splitByDatabase: %v", err)
	}
	wantAll := []string{"idp/internal/idp", "idp/internal/keys", "idp/internal/store", "idp/internal/store/storetest"}
	if diff := cmp.Diff(wantAll, all); diff != "" {
		t.Errorf("all packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"idp/internal/keys", "idp/internal/store"}, withDatabase); diff != "" {
		t.Errorf("packages with a database (-want +got):\n%s", diff)
	}
}

func TestMark_IsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, verdict := range []string{"", "pass", "fail"} {
		line := strings.TrimPrefix(mark("sqlite", verdict), "\n")
		if engine, got, ok := readMark(line); engine != "sqlite" || got != verdict || !ok {
			t.Errorf("readMark(%q) = %q, %q, %v", line, engine, got, ok)
		}
	}
}

func TestRunOnEach_IsForPackagesWithADatabaseAlone(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	above := filepath.Dir(here)
	for list, want := range map[string]string{
		"idp/other":             mark("a", "") + mark("a", "fail"),
		"idp/other,idp/testall": mark("a", "") + mark("a", "fail") + mark("b", "") + mark("b", "pass"),
	} {
		var out strings.Builder
		code, err := runOnEach([]string{"a,b", above, list, "/bin/sh", "-c", `test "$IDP_TEST_ENGINE" = b || exit 3`}, &out)
		if err != nil || code != 3 {
			t.Errorf("runOnEach for %s = %d, %v, want 3", list, code, err)
		}
		if got := out.String(); got != want {
			t.Errorf("runOnEach for %s wrote %q, want %q", list, got, want)
		}
	}
}
