//go:build unix

package main

import (
	"strings"
	"testing"
)

// Two servers on one SQLite database know nothing of each other's changes in memory: the second says so and ends.
func TestLockDataDir_TakesOneServerAtATime(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	unlock, err := lockDataDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDataDir(folder); err == nil || !strings.Contains(err.Error(), "another idp serve runs") || !strings.Contains(err.Error(), folder) {
		t.Errorf("got %v, want a sentence that names the cause and the folder", err)
	}
	unlock()
	again, err := lockDataDir(folder)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	again()
}
