package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writePrivate writes a file that only its owner can read, whole or not at all. It replaces nothing: fs.ErrExist says that the file is there.
func writePrivate(path, content string) error {
	return placePrivate(path, content, os.Link)
}

// replacePrivate is writePrivate for a file that may be there. It then goes on belonging to whom it belonged to: the operator who changes the server's
// key ring as root must not take it away from the server.
func replacePrivate(path, content string) error {
	return placePrivate(path, content, func(from, to string) error {
		if err := keepOwner(from, to); err != nil {
			return err
		}
		return os.Rename(from, to)
	})
}

func placePrivate(path, content string, place func(from, to string) error) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".idp-*") // 0600 from the start
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: the folder %s is not there: create it, or name another file", path, folder)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // after a rename there is nothing to remove
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync() // a key ring that is lost in a power cut takes the database's secrets with it
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := place(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if d, err := os.Open(folder); err == nil { // the new name must survive a power cut too; not every system can say so
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}
