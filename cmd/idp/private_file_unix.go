//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file to whoever owns the one whose place it takes, if there is one. Only root can; a server that finds a file of root's in its
// folder makes it its own.
func keepOwner(fresh, old string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	is, err := os.Stat(fresh)
	if err != nil {
		return err
	}
	was, err := os.Stat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	before, ok := was.Sys().(*syscall.Stat_t)
	now, also := is.Sys().(*syscall.Stat_t)
	if !ok || !also || before.Uid == now.Uid {
		return nil
	}
	return os.Chown(fresh, int(before.Uid), int(before.Gid))
}
