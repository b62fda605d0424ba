package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"idp/internal/idp"
	"idp/internal/secret"
)

const (
	maxFile      = 1 << 20
	maxDocuments = 1000
)

// File is a text with clients in it, and its name for error messages and for the paths it refers to.
type File struct {
	Name string
	Data []byte
}

// Document is one client as it stands in a file, with its secrets in hand.
type Document struct {
	Registration
	Secrets []secret.Redacted // in clear
	Digests []string          // keyed digests, in their place
	File    string            // where it stands; empty if it came another way
	Line    int
}

// Resolver is where secrets that a file refers to come from.
type Resolver struct {
	ReadFile  func(name string) ([]byte, error)
	LookupEnv func(name string) (string, bool)
}

// ReadPath reads one file, or every .yaml, .yml and .json file of a folder in the order of their names. Folders inside it, and names that
// begin with a dot, are left out.
func ReadPath(path string) ([]File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &idp.Error{Kind: idp.NotFound, Code: "file_not_found", Message: fmt.Sprintf("There is no file or folder %s. Name one that is there.", path), Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("read clients: %w", err)
	}
	if !info.IsDir() {
		f, err := readFile(path)
		if err != nil {
			return nil, err
		}
		return []File{f}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read clients: %w", err)
	}
	var files []File
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || strings.HasPrefix(name, ".") || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			continue
		}
		f, err := readFile(filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, idp.Invalidf("", "The folder %s has no file that ends in .yaml, .yml or .json.", path)
	}
	return files, nil
}

func readFile(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, fmt.Errorf("read clients: %w", err)
	}
	if info.Size() > maxFile {
		return File{}, idp.Invalidf("", "The file %s is larger than %d bytes. Split it.", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("read clients: %w", err)
	}
	return File{Name: path, Data: data}, nil
}

// ParseFiles reads the clients in files: YAML or JSON, one client a document, as many documents in a file as one likes. Keys are those of
// Registration (with dashes or underscores), and secret_file, secret_env or secret_digest. Every fault of every file is
// reported at once, each an *idp.Error whose message begins with file and line.
func ParseFiles(files []File, r Resolver) ([]Document, error) {
	var docs []Document
	var faults []error
	seen := map[string]Document{}
	for _, f := range files {
		p := &parser{file: f.Name, resolve: r}
		for _, doc := range p.documents(f.Data) {
			if first, twice := seen[doc.ID]; twice && doc.ID != "" {
				p.fault(doc.Line, "client_id", "The client %s stands in %s:%d already. Remove one of the two.", doc.ID, first.File, first.Line)
				continue
			}
			seen[doc.ID] = doc
			docs = append(docs, doc)
		}
		faults = append(faults, p.faults...)
	}
	if len(docs) > maxDocuments {
		faults = append(faults, idp.Invalidf("", "There are %d clients; %d is the most that is applied at once.", len(docs), maxDocuments))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return docs, nil
}

// secretFrom reads what secret_file or secret_env refers to. No message holds the secret.
func (p *parser) secretFrom(key, ref string, line int) (string, bool) {
	var text string
	switch key {
	case "secret_env":
		value, set := p.resolve.LookupEnv(ref)
		if !set || value == "" {
			p.fault(line, key, "The environment variable %q is not set.", ref)
			return "", false
		}
		text = value
	case "secret_file":
		path := ref
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.file), path)
		}
		data, err := p.resolve.ReadFile(path)
		if err != nil {
			why := "cannot be read"
			if errors.Is(err, fs.ErrNotExist) {
				why = "does not exist"
			}
			p.faults = append(p.faults, &idp.Error{Kind: idp.Invalid, Code: CodeFile, Field: key, Message: fmt.Sprintf("%s:%d: The secret's file %s %s.", p.file, line, path, why), Err: err})
			return "", false
		}
		text = strings.TrimRight(string(data), "\r\n")
	}
	if err := secret.HighEntropy(text); err != nil {
		p.at(line, key, err)
		return "", false
	}
	return text, true
}
