package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

// value checks a value and gives it the form in which it is handed on: text,
// int64, bool or a list of these.
type value func(v *hocon.Value) (any, error)

// checked reads a value that this version only checks.
func checked(read value) reader {
	return func(_ target, v *hocon.Value) error {
		_, err := read(v)
		return err
	}
}

// words takes one text that check accepts, in the form that it returns.
func words(check func(string) (string, error)) value {
	return func(v *hocon.Value) (any, error) {
		s, err := scalar(v, "text")
		if err != nil {
			return nil, err
		}
		return check(s)
	}
}

// listOf takes a list, or text with commas.
func listOf(check func(string) (string, error)) value {
	return func(v *hocon.Value) (any, error) { return checkedList(v, check) }
}

func checkedList(v *hocon.Value, check func(string) (string, error)) ([]string, error) {
	list, err := textList(v)
	for i := 0; err == nil && i < len(list); i++ {
		list[i], err = check(list[i])
	}
	return list, err
}

// oneOf takes one of the words, in any case.
func oneOf(among string) value {
	return words(func(s string) (string, error) {
		if word := strings.ToLower(s); isWord(word, among) {
			return word, nil
		}
		return "", fmt.Errorf("found %s, expected one of %s", short(s), strings.Join(strings.Fields(among), ", "))
	})
}

func whole(lo, hi int64) value {
	return func(v *hocon.Value) (any, error) {
		expected := fmt.Sprintf("a whole number from %d to %d", lo, hi)
		s, err := scalar(v, expected)
		if err != nil {
			return nil, err
		}
		return wholeText(s, lo, hi)
	}
}

func wholeText(s string, lo, hi int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("found %s, expected a whole number from %d to %d", short(s), lo, hi)
	}
	return n, nil
}

// ports takes a list of ports, or text with commas, as numbers.
func ports(v *hocon.Value) (any, error) {
	list, err := textList(v)
	if err == nil && len(list) == 0 {
		err = errors.New("found an empty list, expected ports")
	}
	out := make([]int64, len(list))
	for i := 0; err == nil && i < len(list); i++ {
		out[i], err = wholeText(list[i], 1, 65535)
	}
	return out, err
}

func flag(v *hocon.Value) (any, error) {
	s, err := scalar(v, "on or off")
	if err != nil {
		return nil, err
	}
	return hocon.ParseBool(s)
}

// bytes takes a size and gives it in bytes.
func bytes(lo, hi int64) value {
	return func(v *hocon.Value) (any, error) {
		s, err := scalar(v, "a size such as 16KB or 1MB")
		if err != nil {
			return nil, err
		}
		n, err := hocon.Size(s)
		if err == nil && (n < lo || n > hi) {
			err = fmt.Errorf("found %s, expected a size from %d to %d bytes", short(s), lo, hi)
		}
		return n, err
	}
}

// span takes a duration and gives it as time.Duration prints it.
func span(lo, hi time.Duration) value {
	return func(v *hocon.Value) (any, error) {
		d, err := durationIn(v, lo, hi)
		return d.String(), err
	}
}

func durationIn(v *hocon.Value, lo, hi time.Duration) (time.Duration, error) {
	s, err := scalar(v, "a duration such as 100ms, 5s or 1h30m")
	if err != nil {
		return 0, err
	}
	d, err := hocon.Duration(s)
	if err == nil && (d < lo || d > hi) {
		err = fmt.Errorf("found %s, expected a duration from %s to %s", short(s), spelled(lo), spelled(hi))
	}
	return d, err
}

// spelled writes a bound as people write durations.
func spelled(d time.Duration) string {
	if d == forever {
		return "292 years"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// maxRetained is the most retained messages that a node may be told to keep.
const maxRetained = 100_000_000

// retainedMost is most, for which older products write 0 as well.
func retainedMost(at func(target) *int, hi int64) reader {
	read := most(at, 1, hi)
	return func(t target, v *hocon.Value) error {
		if v.Text() == "0" {
			*at(t) = int(hi)
			return nil
		}
		return read(t, v)
	}
}
