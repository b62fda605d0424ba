package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

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

func readKeyring(path string) (*secret.Keyring, error) {
	text, err := readBounded(path, maxKeyringFile)
	if err != nil {
		return nil, fmt.Errorf("read the key ring: %w", err)
	}
	ring, err := secret.ParseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	return ring, nil
}

// readBounded reads a file that a person named, but not a device without an end.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes: is it the right file?", path, most)
	}
	return text, nil
}
