package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

// target is where a value goes: the configuration, and the names that stand
// for the * of the key's path.
type target struct {
	c    *Config
	id   string
	path []string // of the key, in full
}

func (t target) listener(kind string) *Listener {
	for i := range t.c.Listeners {
		if l := &t.c.Listeners[i]; l.ID == t.id && l.Kind == kind {
			return l
		}
	}
	t.c.Listeners = append(t.c.Listeners, Listener{Kind: kind, ID: t.id})
	return &t.c.Listeners[len(t.c.Listeners)-1]
}

func (t target) plugin() *Plugin {
	for i := range t.c.Cluster.Plugins {
		if t.c.Cluster.Plugins[i].Strategy == t.id {
			return &t.c.Cluster.Plugins[i]
		}
	}
	t.c.Cluster.Plugins = append(t.c.Cluster.Plugins, Plugin{Strategy: t.id})
	return &t.c.Cluster.Plugins[len(t.c.Cluster.Plugins)-1]
}

// reader puts a value in its place, or says what it found and expected.
type reader func(t target, v *hocon.Value) error

// scalar returns the text of a value that is a single one.
func scalar(v *hocon.Value, expected string) (string, error) {
	switch v.Kind() {
	case hocon.String, hocon.Number, hocon.Bool:
		return v.Text(), nil
	}
	return "", fmt.Errorf("found %s, expected %s", v.Kind(), expected)
}

func text(at func(target) *string, check func(string) (string, error)) reader {
	return func(t target, v *hocon.Value) error {
		s, err := scalar(v, "text")
		if err == nil {
			s, err = check(s)
		}
		if err == nil {
			*at(t) = s
		}
		return err
	}
}

func number(at func(target) *int, lo, hi int64) reader {
	return func(t target, v *hocon.Value) error {
		n, err := whole(lo, hi)(v)
		if err == nil {
			*at(t) = int(n.(int64))
		}
		return err
	}
}

// most is number for limits: infinity is the most that there may be.
func most(at func(target) *int, lo, hi int64) reader {
	read := number(at, lo, hi)
	return func(t target, v *hocon.Value) error {
		if strings.EqualFold(v.Text(), "infinity") {
			*at(t) = int(hi)
			return nil
		}
		return read(t, v)
	}
}

func size(at func(target) *int, lo, hi int64) reader {
	return func(t target, v *hocon.Value) error {
		n, err := bytes(lo, hi)(v)
		if err == nil {
			*at(t) = int(n.(int64))
		}
		return err
	}
}

func duration(at func(target) *time.Duration, lo, hi time.Duration) reader {
	return func(t target, v *hocon.Value) error {
		d, err := durationIn(v, lo, hi)
		*at(t) = d
		return err
	}
}

func onOff(at func(target) *bool) reader {
	return func(t target, v *hocon.Value) error {
		s, err := scalar(v, "on or off")
		if err == nil {
			*at(t), err = hocon.ParseBool(s)
		}
		return err
	}
}

// choice takes one of the words in built; those in later are refused by name.
func choice(at func(target) *string, built, later string) reader {
	return func(t target, v *hocon.Value) error {
		expected := "one of " + strings.Join(strings.Fields(built), ", ")
		s, err := scalar(v, expected)
		if err != nil {
			return err
		}
		switch word := strings.ToLower(s); {
		case isWord(word, built):
			*at(t) = word
			return nil
		case isWord(word, later):
			return fmt.Errorf("%s: %w", word, ErrNotBuilt)
		}
		return fmt.Errorf("found %s, expected %s", short(s), expected)
	}
}

func isWord(word, words string) bool {
	for _, w := range strings.Fields(words) {
		if w == word {
			return true
		}
	}
	return false
}

// maxList bounds a list of addresses or arguments.
const maxList = 1000

func texts(at func(target) *[]string, check func(string) (string, error)) reader {
	return func(t target, v *hocon.Value) error {
		list, err := checkedList(v, check)
		if err == nil {
			*at(t) = list
		}
		return err
	}
}

// textList reads a list of texts, or one text with commas.
func textList(v *hocon.Value) ([]string, error) {
	list := []string{}
	elems, ok := v.List()
	if len(elems) < len(v.Members()) {
		return nil, errors.New("found an object, expected a list, or text with commas")
	}
	if !ok {
		s, err := scalar(v, "a list, or text with commas")
		if err != nil {
			return nil, err
		}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
	}
	for _, e := range elems {
		s, err := scalar(e, "text in the list")
		if err != nil || s == "" {
			return nil, fmt.Errorf("%s in the list, expected text", found(e))
		}
		list = append(list, s)
	}
	if len(list) > maxList {
		return nil, fmt.Errorf("found %d entries, expected at most %d", len(list), maxList)
	}
	return list, nil
}

func found(v *hocon.Value) string {
	if v.Kind() == hocon.String && v.Text() == "" {
		return "found empty text"
	}
	return "found " + v.Kind().String()
}

// short quotes text for an error, and cuts it.
func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "…"
	}
	return strconv.Quote(s)
}
