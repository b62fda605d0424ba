//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Only root can give a file away; for everybody else the owner is one anyway.
func TestPrivateFile_ReplacedItBelongsToItsOwnerStill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	if err := writePrivate(path, "one"); err != nil {
		t.Fatal(err)
	}
	want := os.Geteuid()
	if want == 0 {
		want = 65533
		if err := os.Chown(path, want, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := replacePrivate(path, "two"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
		t.Errorf("the file belongs to user %d, want %d: the server can no longer read it", got, want)
	}
}
