package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/secret"
)

const maxSeedFile = 4 << 20

// SeedFile is what a seed file names (FL-21): the users, and the clients as YAML documents for client.ParseFiles.
type SeedFile struct {
	Users   []NewUser
	Clients []byte
}

// ReadSeedFile reads a seed file: YAML with the lists "users" and "clients". A user is written in the words of an import, with
// "password" in clear if wanted; an address counts as verified unless it says otherwise. All faults are returned at once, with lines.
func ReadSeedFile(r io.Reader) (*SeedFile, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSeedFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the seed file: %w", err)
	}
	if len(text) > maxSeedFile {
		return nil, idp.Invalidf("", "The seed file has more than %d bytes. Use an import for so many users.", maxSeedFile)
	}
	var doc struct {
		Users   []yaml.Node `yaml:"users"`
		Clients []yaml.Node `yaml:"clients"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, idp.Invalidf("", "The seed file cannot be read: %v", err)
	}
	seed := &SeedFile{}
	var faults []error
	for i := range doc.Users {
		n, err := seedUser(&doc.Users[i])
		if err != nil {
			faults = append(faults, placed(doc.Users[i].Line, err))
			continue
		}
		seed.Users = append(seed.Users, n)
	}
	var clients bytes.Buffer
	encoder := yaml.NewEncoder(&clients)
	for i := range doc.Clients {
		if err := encoder.Encode(&doc.Clients[i]); err != nil {
			faults = append(faults, fmt.Errorf("seed file, line %d: %w", doc.Clients[i].Line, err))
		}
	}
	if len(doc.Clients) > 0 {
		seed.Clients = clients.Bytes()
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return seed, nil
}

// placed puts the line, and the field if there is one, into each sentence itself: it is all that the person sees.
func placed(line int, err error) error {
	var faults []error
	for _, e := range idp.Faults(err) {
		at := *e
		at.Message = fmt.Sprintf("Seed file, line %d: %s", line, e.Message)
		if e.Field != "" {
			at.Message = fmt.Sprintf("Seed file, line %d, %s: %s", line, e.Field, e.Message)
		}
		faults = append(faults, &at)
	}
	if len(faults) == 0 {
		return fmt.Errorf("seed file, line %d: %w", line, err)
	}
	return errors.Join(faults...)
}

func seedUser(node *yaml.Node) (NewUser, error) {
	plainDates(node)
	var object map[string]any
	if err := node.Decode(&object); err != nil {
		return NewUser{}, idp.Invalidf("", "A user is written as names and values, such as email: alice@example.com.")
	}
	text, err := json.Marshal(object)
	if err != nil {
		return NewUser{}, idp.Invalidf("", "A user is written as names and values; this one has a value that JSON does not know.")
	}
	rec, err := readRecord(text)
	if err != nil {
		return NewUser{}, err
	}
	n := rec.user()
	if rec.EmailVerified == nil {
		n.EmailVerified = n.Email != ""
	}
	_, err = n.user(now())
	return n, err
}

// plainDates keeps 1990-12-31 the text that it is; YAML would make it a point in time.
func plainDates(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, child := range node.Content {
		plainDates(child)
	}
}

// SeedReport says what seeding did.
type SeedReport struct {
	Created, Updated, Unchanged int
}

// Seed makes the users as they are given, whatever they were: created, changed, or left alone if nothing differs, so that
// seeding twice gives the same (FL-21). The password policy does not apply: this is for tests and demonstrations, and the
// caller refuses it on a public issuer.
func (s *Service) Seed(ctx context.Context, users []NewUser) (SeedReport, error) {
	var report SeedReport
	for i, n := range users {
		what, err := s.seed(ctx, n)
		if err != nil {
			return report, fmt.Errorf("seed user %d (%s): %w", i+1, firstOf(n.Email, n.Username), err)
		}
		switch what {
		case seedCreated:
			report.Created++
		case seedUpdated:
			report.Updated++
		default:
			report.Unchanged++
		}
	}
	return report, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type seedResult int

const (
	seedUnchanged seedResult = iota
	seedCreated
	seedUpdated
)

func (s *Service) seed(ctx context.Context, n NewUser) (seedResult, error) {
	u, err := n.user(now())
	if err != nil {
		return seedUnchanged, err
	}
	old, err := s.existing(ctx, u, n.Sub)
	if err != nil {
		return seedUnchanged, err
	}
	var had *idp.Credential
	if old != nil {
		if n.Sub != "" && n.Sub != old.User.ID {
			return seedUnchanged, &idp.Error{Kind: idp.Conflict, Code: CodeSubjectTaken, Field: "sub", Message: "The account is there already and has another sub, which never changes. Delete the account, or leave the sub out."}
		}
		u.ID, u.CreatedAt, had = old.User.ID, old.User.CreatedAt, old.Credential
	}
	c, err := s.seedCredential(ctx, u, n, had)
	if err != nil {
		return seedUnchanged, err
	}
	if old == nil {
		return seedCreated, s.Store.InTx(ctx, func(ctx context.Context) error {
			return s.insert(ctx, u, c, audit.Event{Type: audit.UserCreated, Details: map[string]string{"cause": "seed"}})
		})
	}
	fields := differences(old.User, u)
	if len(fields) == 0 && c == nil {
		return seedUnchanged, nil
	}
	return seedUpdated, s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.UpdateUser(ctx, u); err != nil {
			return err
		}
		if c != nil {
			if err := s.Store.PutPassword(ctx, c); err != nil {
				return err
			}
		}
		return s.Audit.Write(ctx, audit.Event{Type: audit.UserUpdated, UserID: u.ID, Details: map[string]string{"cause": "seed"}})
	})
}

// seedCredential returns the password to be written, or nil if the one that is there will do.
func (s *Service) seedCredential(ctx context.Context, u *idp.User, n NewUser, had *idp.Credential) (*idp.Credential, error) {
	if n.PasswordHash != "" {
		scheme := importScheme(n.PasswordScheme)
		if err := secret.CheckImport(scheme, n.PasswordHash); err != nil {
			return nil, err
		}
		// One of ours is what became of the given hash at a sign-in.
		if had != nil && (had.Scheme == "" || had.Scheme == string(scheme) && had.Secret == n.PasswordHash) {
			return nil, nil
		}
		return credential(u, scheme, n.PasswordHash), nil
	}
	if n.Password == "" {
		return nil, nil
	}
	if had != nil {
		r, err := s.Hasher.Verify(ctx, secret.Scheme(had.Scheme), had.Secret, n.Password)
		if err != nil || r.OK {
			return nil, err
		}
	}
	hash, err := s.Hasher.Hash(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	return credential(u, secret.SchemeOwn, hash), nil
}
