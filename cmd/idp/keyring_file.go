package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"idp/internal/config"
	"idp/internal/secret"
)

const maxKeyringFile = 64 << 10

const keyringHead = "# The key ring of idp: the first key encrypts, all of them decrypt. Keep a copy apart from the database's.\n"

// loadKeyring reads the key ring, or makes one where the configuration allows it.
func loadKeyring(c *config.Config, logger *slog.Logger) (*secret.Keyring, error) {
	if c.KeyringFile == "" {
		return nil, errors.New("no key ring is set: with PostgreSQL set keyring_file to a file that all replicas have; `idp key ring new` prints one")
	}
	ring, err := readKeyring(c.KeyringFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if !c.CreateKeyring() {
		return nil, fmt.Errorf("the key ring %s is not there: copy it from another replica, or make the first one with `(umask 077; idp key ring new > %s)`", c.KeyringFile, c.KeyringFile)
	}
	err = writePrivate(c.KeyringFile, keyringHead+secret.GenerateKey().Line()+"\n")
	if err != nil && !errors.Is(err, fs.ErrExist) { // another process was first: its ring is the one
		return nil, err
	}
	if err == nil {
		logger.Info("key ring created", slog.String("file", c.KeyringFile))
	}
	return readKeyring(c.KeyringFile)
}

// refuseNewRing keeps a new key ring from being made beside a database whose secrets another one encrypted: it opens none of them, and
// hides that the right one is missing.
func (s *services) refuseNewRing(ctx context.Context) error {
	missing := func() bool {
		_, err := os.Stat(s.config.KeyringFile)
		return errors.Is(err, fs.ErrNotExist)
	}
	if !s.config.CreateKeyring() || !missing() {
		return nil
	}
	sealed, err := s.store.SigningKeys(ctx, time.Now())
	if err != nil || len(sealed) == 0 || !missing() { // another process made ring and keys just now
		return err
	}
	return fmt.Errorf("the key ring %s is not there, but the database has keys that it encrypted: put it back from its backup, or set keyring_file to where it is", s.config.KeyringFile)
}

func readKeyring(path string) (*secret.Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, mendPermission(err)
	}
	defer f.Close()
	text, err := readUpTo(f, maxKeyringFile)
	if err != nil {
		return nil, err
	}
	ring, err := secret.ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	return ring, nil
}

// readBounded reads a file that a person named, but not a device without an end.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUpTo(f, most)
}

func readUpTo(f *os.File, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes: is it the right file?", f.Name(), most)
	}
	return text, nil
}
