package pluginhost

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// maxFields bounds the fields of a structured line that are logged.
const maxFields = 16

// entry is one line of a plugin's stderr.
type entry struct {
	level   slog.Level
	message string
	fields  []slog.Attr
}

var levels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warn": slog.LevelWarn, "error": slog.LevelError,
}

// parseLine reads a line in hclog's JSON form, or any other as plain text.
// panicking is kept from line to line: a stack trace is an error to its end.
func parseLine(line string, panicking *bool) entry {
	var raw map[string]any
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &raw) == nil {
		if message, ok := raw["@message"].(string); ok {
			return structured(message, raw)
		}
	}
	if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
		*panicking = true
	}
	if *panicking {
		return entry{level: slog.LevelError, message: line}
	}
	return entry{level: slog.LevelInfo, message: line}
}

func structured(message string, raw map[string]any) entry {
	e := entry{level: slog.LevelInfo, message: message}
	if name, ok := raw["@level"].(string); ok {
		if level, ok := levels[name]; ok {
			e.level = level
		}
	}
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		if strings.HasPrefix(k, "@") || len(e.fields) == maxFields {
			continue
		}
		e.fields = append(e.fields, slog.String(oneLine(k, keptLine), oneLine(fmt.Sprint(raw[k]), keptLine)))
	}
	return e
}

// text is the entry as one line.
func (e entry) text() string {
	var b strings.Builder
	b.WriteString(e.message)
	for _, f := range e.fields {
		fmt.Fprintf(&b, " %s=%s", f.Key, f.Value)
	}
	return b.String()
}

// log writes the entry. Its fields are a group of their own, so that a plugin
// cannot pass for the node.
func (e entry) log(l *slog.Logger) {
	var attrs []slog.Attr
	if len(e.fields) > 0 {
		attrs = append(attrs, slog.GroupAttrs("fields", e.fields...))
	}
	l.LogAttrs(context.Background(), e.level, oneLine(e.message, loggedLine), attrs...)
}

// oneLine makes s printable and at most limit bytes long.
func oneLine(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s))
}
