package main

import (
	"fmt"
	"io"
	"strings"
)

// transcript is what the reader sees.
type transcript struct {
	out      io.Writer
	color    bool
	chapters int
}

// newTranscript writes to out, with colours when that is a terminal.
func newTranscript(out io.Writer, color bool) *transcript {
	return &transcript{out: out, color: color}
}

// The colours, as terminals know them [ECMA-48].
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (t *transcript) paint(code, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// chapter begins a new part.
func (t *transcript) chapter(format string, args ...any) {
	t.chapters++
	fmt.Fprintf(t.out, "\n%s\n", t.paint(bold, fmt.Sprintf("%d  %s", t.chapters, fmt.Sprintf(format, args...))))
}

// say writes a line of the story.
func (t *transcript) say(format string, args ...any) {
	fmt.Fprintf(t.out, "   %s\n", fmt.Sprintf(format, args...))
}

// command shows a command and what it printed.
func (t *transcript) command(line, printed string) {
	fmt.Fprintf(t.out, "   %s\n", t.paint(dim, "$ "+line))
	t.output(printed)
}

// output shows lines of a program.
func (t *transcript) output(printed string) {
	for line := range strings.Lines(printed) {
		fmt.Fprintf(t.out, "     %s\n", strings.TrimRight(line, "\n"))
	}
}

// verdict shows one publication, whom it reached, and whether that is right.
func (t *transcript) verdict(p publication, got string, err error) {
	mark := t.paint(green, "ok")
	if err != nil {
		mark = t.paint(red, "WRONG: "+err.Error())
	}
	fmt.Fprintf(t.out, "   %-8s QoS %d  →  %-27s %s\n", p.topic, p.qos, got, mark)
}
