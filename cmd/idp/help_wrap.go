package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The widths that help is broken at: a narrower terminal gets the least, and lines of a very wide one would be hard to read.
const (
	leastHelpWidth = 60
	mostHelpWidth  = 132
)

// helpWidth returns the width of the terminal that w is, zero where it is none: a pipe and a test get the lines as they are.
func helpWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width == 0 {
		return 0
	}
	return min(max(width, leastHelpWidth), mostHelpWidth)
}

// wrapHelp makes the help of every command below root fit its terminal.
func wrapHelp(root *cobra.Command) {
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		out := c.OutOrStdout()
		width := helpWidth(out)
		if width == 0 {
			help(c, args)
			return
		}
		var text bytes.Buffer
		c.SetOut(&text)
		help(c, args)
		c.SetOut(out)
		_, _ = fmt.Fprint(out, wrapped(text.String(), width)) // nobody left to tell
	})
}

// described is the beginning of a line up to what it says of a flag or a command.
var described = regexp.MustCompile(`^ +\S.*?(\s{2,}|$)`)

// wrapped breaks the lines of text that are longer than width. The lines of a paragraph become one first; a line about a flag goes on below its words.
func wrapped(text string, width int) string {
	var out strings.Builder
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		end, long := i+1, longer(lines[i], width)
		for paragraph := startsWord(lines[i]); paragraph && end < len(lines) && startsWord(lines[end]); end++ {
			long = long || longer(lines[end], width)
		}
		switch block := lines[i:end]; {
		case !long || strings.HasPrefix(lines[i], "  idp "): // a command is to be copied
			out.WriteString(strings.Join(block, "\n"))
		default:
			first := strings.Join(block, " ")
			indent := 0
			if !startsWord(first) {
				indent = utf8.RuneCountInString(described.FindString(first))
				if width-indent < width/3 {
					indent = len(first) - len(strings.TrimLeft(first, " ")) + 4
				}
			}
			out.WriteString(broken(first, width, indent))
		}
		if i = end; i < len(lines) {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// startsWord reports whether a line belongs to a paragraph.
func startsWord(line string) bool { return line != "" && line[0] != ' ' }

// longer reports whether a line has more characters than width.
func longer(line string, width int) bool { return utf8.RuneCountInString(line) > width }

// broken breaks one line between words; what follows the first is indented.
func broken(line string, width, indent int) string {
	var out strings.Builder
	words := strings.SplitAfter(line, " ")
	column, fresh := 0, true
	for _, word := range words {
		n := utf8.RuneCountInString(strings.TrimRight(word, " "))
		if !fresh && n > 0 && column+n > width {
			so := strings.TrimRight(out.String(), " ")
			out.Reset()
			out.WriteString(so + "\n" + strings.Repeat(" ", indent))
			column = indent
		}
		out.WriteString(word)
		column += utf8.RuneCountInString(word)
		fresh = fresh && n == 0
	}
	return out.String()
}
