package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// breachedFile is a list of breached passwords as the keepers of the range API give it for download: a line "SHA-1:count" for each, in order. It is
// searched where it lies, some forty short reads in a file of any size. Safe for concurrent use.
type breachedFile struct {
	file *os.File
	size int64
}

// maxBreachedLine is more than 40 digits, a colon, a count and the line's end take.
const maxBreachedLine = 64

// openBreachedFile also looks at the first line and the last, so that a file of another kind is noticed when the server starts.
func openBreachedFile(path string) (*breachedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &breachedFile{file: f}
	if err := b.examine(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func (b *breachedFile) examine() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	if b.size = info.Size(); b.size == 0 {
		return errors.New("the file is empty")
	}
	first, err := b.lineAt(0)
	if err != nil {
		return err
	}
	last, err := b.lineAt(b.size - 1)
	if err != nil {
		return err
	}
	if first.digest > last.digest {
		return errors.New("the lines are not in the order of their SHA-1: download the list that is ordered by hash, or sort it")
	}
	return nil
}

// breachedLine is a line and where it lies.
type breachedLine struct {
	start, end int64
	digest     string // 40 upper-case hexadecimal digits
	count      int
}

// lineAt returns the line that the byte at offset belongs to.
func (b *breachedFile) lineAt(offset int64) (l breachedLine, err error) {
	from := max(offset-maxBreachedLine, 0)
	buffer := make([]byte, 2*maxBreachedLine+1)
	n, err := b.file.ReadAt(buffer, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return l, err
	}
	buffer = buffer[:n]
	at := min(int(offset-from), n)
	begin := bytes.LastIndexByte(buffer[:at], '\n') + 1
	end := bytes.IndexByte(buffer[at:], '\n') + at + 1
	if end == at {
		end = n
	}
	l.start, l.end = from+int64(begin), from+int64(end)
	digest, count, found := strings.Cut(strings.TrimSpace(string(buffer[begin:end])), ":")
	if l.count, err = strconv.Atoi(count); err != nil || !found || len(digest) != 40 || strings.Trim(strings.ToUpper(digest), "0123456789ABCDEF") != "" {
		// Where is not said: it would tell how the digest begins.
		return l, errors.New("a line is not 40 hexadecimal digits, a colon and a count")
	}
	l.digest = strings.ToUpper(digest)
	return l, nil
}

// count returns how often the password with this SHA-1, in upper-case digits, was seen; 0 if it is not in the list.
func (b *breachedFile) count(digest string) (int, error) {
	for low, high := int64(0), b.size; low < high; {
		l, err := b.lineAt(low + (high-low)/2)
		if err != nil {
			return 0, fmt.Errorf("the list of breached passwords is malformed: %w", err)
		}
		switch {
		case l.digest == digest:
			return l.count, nil
		case l.digest < digest:
			low = l.end
		default:
			high = l.start
		}
	}
	return 0, nil
}
