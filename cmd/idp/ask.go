package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"idp/internal/idp"
)

const maxTypedSecret = 16 << 10

// askSecret gets a secret that a person knows: from a file, from standard input ("-", or because it is no terminal), or typed
// without an echo, twice if it is new. It never comes from an argument: other users of the machine see those.
func (a *app) askSecret(what, file string, twice bool) (string, error) {
	switch {
	case file != "" && file != "-":
		text, err := readBounded(file, maxTypedSecret)
		if err != nil {
			return "", err
		}
		return firstLine(what, string(text))
	case file == "-" || !isTerminal(a.in):
		text, err := io.ReadAll(io.LimitReader(a.in, maxTypedSecret))
		if err != nil {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		return firstLine(what, string(text))
	}
	typed, err := a.typeSecret("New " + what)
	if !twice || err != nil {
		return typed, err
	}
	again, err := a.typeSecret("Once more")
	if err != nil {
		return "", err
	}
	if typed != again {
		return "", errors.New("the two are not the same; nothing was changed")
	}
	return typed, nil
}

func (a *app) typeSecret(prompt string) (string, error) {
	fmt.Fprint(a.err, prompt+": ")
	text, err := term.ReadPassword(int(a.in.(*os.File).Fd()))
	fmt.Fprintln(a.err)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return firstLine("text", string(text))
}

// firstLine returns the one line of a text. More than one means that it is the wrong file.
func firstLine(what, text string) (string, error) {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case text == "":
		return "", usagef("the %s is empty: write it to standard input, or name a file that holds it", what)
	case strings.ContainsAny(text, "\r\n"):
		return "", usagef("the %s has more than one line: is it the right file?", what)
	}
	return text, nil
}

// openInput opens a file, or standard input for "-".
func (a *app) openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(bufio.NewReader(a.in)), nil
	}
	return openFile(path)
}

// openFile opens a file that a person named, and says what to do if that cannot be.
func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &idp.Error{Kind: idp.NotFound, Code: "file_not_found", Message: fmt.Sprintf("The file %s is not there. Name one that is.", path), Err: err}
	case errors.Is(err, fs.ErrPermission):
		return nil, &idp.Error{Kind: idp.Forbidden, Code: "file_unreadable", Message: fmt.Sprintf("The file %s cannot be read: permission denied. Run this as a user who may read it.", path), Err: err}
	case err != nil:
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, usagef("%s is a folder: name a file", path)
	}
	return f, nil
}

// showSecret hands a secret that nobody can read again to the person: into a private file if one is named. It returns what the result may show.
func (a *app) showSecret(what, text, file string) (shown string, err error) {
	if file == "" {
		a.say("The %s is shown this once; it is kept nowhere.", what)
		return text, nil
	}
	if err := replacePrivate(file, text+"\n"); err != nil {
		return "", fmt.Errorf("the %s could not be handed over, so make a new one: %w", what, err)
	}
	a.say("The %s is in %s, which only you can read.", what, file)
	return "", nil
}
