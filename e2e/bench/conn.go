package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	answerMost = 1 << 20
	// patience is how long one request may take before it counts as failed.
	patience = 30 * time.Second
)

// conn is a kept-alive HTTP/1.1 connection. It does no more than the load needs, because the generator must not be what is
// measured: net/http's client costs several times what net/http's server does.
type conn struct {
	address string
	c       *net.TCPConn
	raw     syscall.RawConn // of c
	until   time.Time       // when the answer under way has taken too long
	in      []byte          // read and not yet used
	plain   []byte          // a chunked body put together
	cookies []cookie
}

type cookie struct{ name, value string }

// answer is valid until the next request of its connection.
type answer struct {
	status int
	head   []byte // status line and headers
	body   []byte
}

var errAnswerTooLarge = errors.New("the answer is larger than 1 MiB")

func newConn(address string) *conn { return &conn{address: address} }

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close() // nothing is lost with it
		c.c, c.raw, c.in = nil, nil, nil
	}
}

// send writes one request and reads its answer. After an error the next request uses a new connection.
func (c *conn) send(request []byte) (answer, error) {
	a, err := c.exchange(request)
	if err != nil {
		c.close()
	}
	return a, err
}

func (c *conn) exchange(request []byte) (answer, error) {
	if c.c == nil {
		if err := c.dial(); err != nil {
			return answer{}, err
		}
	}
	c.until = time.Now().Add(patience)
	if _, err := c.c.Write(request); err != nil {
		return answer{}, err
	}
	return c.read()
}

func (c *conn) dial() error {
	fresh, err := net.DialTimeout("tcp", c.address, patience)
	if err != nil {
		return err
	}
	c.c, _ = fresh.(*net.TCPConn)
	if c.c == nil {
		return fmt.Errorf("%s is no TCP address", c.address)
	}
	c.raw, err = c.c.SyscallConn()
	c.in = make([]byte, 0, 8<<10)
	return err
}

func (c *conn) read() (answer, error) {
	c.in = c.in[:0]
	end := -1
	for from := 0; end < 0; {
		if err := c.fill(); err != nil {
			return answer{}, err
		}
		if at := bytes.Index(c.in[from:], []byte("\r\n\r\n")); at >= 0 {
			end = from + at + 4
		}
		from = max(0, len(c.in)-3)
	}
	a := answer{head: c.in[:end]}
	if len(a.head) < 12 || !bytes.HasPrefix(a.head, []byte("HTTP/1.1 ")) {
		return a, errors.New("not an HTTP/1.1 answer")
	}
	var err error
	if a.status, err = strconv.Atoi(string(a.head[9:12])); err != nil {
		return a, fmt.Errorf("status line: %w", err)
	}
	if length := header(a.head, "Content-Length"); length != nil {
		n, err := strconv.Atoi(string(length))
		if err != nil || n < 0 || n > answerMost {
			return a, errAnswerTooLarge
		}
		for len(c.in) < end+n {
			if err := c.fill(); err != nil {
				return a, err
			}
		}
		a.head, a.body = c.in[:end], c.in[end:end+n] // fill may have moved them
		return a, nil
	}
	if a.status == 204 || a.status == 304 {
		return a, nil
	}
	if !bytes.Equal(header(a.head, "Transfer-Encoding"), []byte("chunked")) {
		return a, errors.New("the answer says nothing about its length")
	}
	return c.chunks(a, end)
}

// chunks puts a chunked body together (RFC 9112 §7.1).
func (c *conn) chunks(a answer, at int) (answer, error) {
	end := at
	c.plain = c.plain[:0]
	for {
		line := bytes.Index(c.in[at:], []byte("\r\n"))
		if line < 0 {
			if err := c.fill(); err != nil {
				return a, err
			}
			continue
		}
		size, err := strconv.ParseUint(string(c.in[at:at+line]), 16, 31)
		if err != nil || len(c.plain)+int(size) > answerMost {
			return a, errAnswerTooLarge
		}
		at += line + 2
		for len(c.in) < at+int(size)+2 {
			if err := c.fill(); err != nil {
				return a, err
			}
		}
		c.plain = append(c.plain, c.in[at:at+int(size)]...)
		at += int(size) + 2
		if size == 0 {
			a.head, a.body = c.in[:end], c.plain
			return a, nil
		}
	}
}

// fill reads once.
func (c *conn) fill() error {
	if len(c.in) > answerMost {
		return errAnswerTooLarge
	}
	if len(c.in) == cap(c.in) {
		c.in = append(c.in, make([]byte, cap(c.in))...)[:len(c.in)]
	}
	n, err := c.poll(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	return err
}

// poll reads once, and asks again until there is something. A generator that slept would have to be woken by the server's core, which on a virtual
// machine costs as much as the bare handler; a client on another machine costs the server nothing of the kind.
func (c *conn) poll(into []byte) (int, error) {
	for asked := 0; ; asked++ {
		var n int
		var fault error
		if err := c.raw.Read(func(fd uintptr) bool {
			n, fault = syscall.Read(int(fd), into)
			return true
		}); err != nil {
			return 0, err
		}
		switch {
		case fault == nil && n == 0:
			return 0, io.ErrUnexpectedEOF
		case fault == nil:
			return n, nil
		case !errors.Is(fault, syscall.EAGAIN) && !errors.Is(fault, syscall.EINTR):
			return 0, fault
		case asked%1024 == 1023 && time.Now().After(c.until):
			return 0, errors.New("no answer in time")
		}
		runtime.Gosched()
	}
}

// header returns the first value of a header that is written in its canonical form, as net/http does; nil if there is none.
func header(head []byte, name string) []byte {
	at := bytes.Index(head, []byte("\r\n"+name+": "))
	if at < 0 {
		return nil
	}
	value := head[at+len(name)+4:]
	return value[:bytes.IndexByte(value, '\r')]
}

// keepCookies takes over what an answer sets.
func (c *conn) keepCookies(a answer) {
	for rest := a.head; ; {
		at := bytes.Index(rest, []byte("\r\nSet-Cookie: "))
		if at < 0 {
			return
		}
		rest = rest[at+2:]
		line := rest[len("Set-Cookie: "):bytes.IndexByte(rest, '\r')]
		pair, attributes, _ := bytes.Cut(line, []byte("; "))
		name, value, _ := bytes.Cut(pair, []byte("="))
		c.setCookie(string(name), string(value), bytes.Contains(attributes, []byte("Max-Age=0")))
	}
}

func (c *conn) setCookie(name, value string, gone bool) {
	for i := range c.cookies {
		if c.cookies[i].name != name {
			continue
		}
		if gone {
			c.cookies = append(c.cookies[:i], c.cookies[i+1:]...)
		} else {
			c.cookies[i].value = value
		}
		return
	}
	if !gone {
		c.cookies = append(c.cookies, cookie{name, value})
	}
}

// cookieHeader returns the line that sends the cookies back, empty without any.
func (c *conn) cookieHeader() string {
	line := ""
	for _, one := range c.cookies {
		if line == "" {
			line = "Cookie: "
		} else {
			line += "; "
		}
		line += one.name + "=" + one.value
	}
	if line != "" {
		line += "\r\n"
	}
	return line
}
