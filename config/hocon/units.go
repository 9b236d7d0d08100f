package hocon

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
)

// Duration reads 100ms, 5s, 1.5h or 1h30m; units in any case, a bare number
// counts milliseconds. Units: ns us ms s m h d w, and the specification's long
// names. Negative ones, and those over 292 years, are errors.
func Duration(text string) (time.Duration, error) {
	rest := strings.TrimSpace(text)
	total := new(big.Rat)
	for first := true; rest != "" || first; first = false {
		n, unit, tail, ok := quantity(rest)
		scale, known := durationUnits[strings.ToLower(unit)]
		if !ok || !known || unit == "" && !(first && tail == "") {
			return 0, fmt.Errorf("found %.60q, expected a duration such as 100ms, 5s or 1h30m", text)
		}
		total.Add(total, n.Mul(n, new(big.Rat).SetInt64(int64(scale))))
		rest = tail
	}
	n, ok := whole(total)
	if !ok {
		return 0, fmt.Errorf("found %.60q, expected a duration of at most 292 years", text)
	}
	return time.Duration(n), nil
}

// Size reads 16KB, 1MB or 512KiB in bytes: KB is 1000, K and KiB are 1024, and
// so on to E; units in any case; a bare number counts bytes.
func Size(text string) (int64, error) {
	n, unit, rest, ok := quantity(strings.TrimSpace(text))
	scale, known := sizeScale(strings.ToLower(unit))
	if !ok || !known || rest != "" {
		return 0, fmt.Errorf("found %.60q, expected a size such as 16KB, 1MB or 512KiB", text)
	}
	bytes, fits := whole(n.Mul(n, new(big.Rat).SetInt64(scale)))
	if !fits {
		return 0, fmt.Errorf("found %.60q, expected a size of at most %d bytes", text, int64(math.MaxInt64))
	}
	return bytes, nil
}

// Percent reads 50% as 0.5; a number without the sign is a fraction already.
// The result is from 0 to 1.
func Percent(text string) (float64, error) {
	n, unit, rest, ok := quantity(strings.TrimSpace(text))
	if ok && unit == "%" {
		n.Quo(n, big.NewRat(100, 1))
	}
	if !ok || unit != "" && unit != "%" || rest != "" || n.Cmp(big.NewRat(1, 1)) > 0 {
		return 0, fmt.Errorf("found %.60q, expected a share such as 50%% or 0.5", text)
	}
	f, _ := n.Float64()
	return f, nil
}

// ParseBool reads true, on, yes, false, off and no, in any case.
func ParseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "on", "yes":
		return true, nil
	case "false", "off", "no":
		return false, nil
	}
	return false, fmt.Errorf("found %.60q, expected on or off", text)
}

// maxDigits keeps exact arithmetic on numbers from outside cheap.
const maxDigits = 40

// quantity splits a number and the unit after it from the rest of s.
func quantity(s string) (n *big.Rat, unit, rest string, ok bool) {
	num, s := digits(s)
	if fraction, found := strings.CutPrefix(s, "."); found {
		var places string
		places, s = digits(fraction)
		num += "." + places
	}
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, "0123456789. \t")
	if end < 0 {
		end = len(s)
	}
	n = new(big.Rat)
	if len(num) > maxDigits {
		return n, "", "", false
	}
	_, ok = n.SetString(num)
	return n, s[:end], strings.TrimLeft(s[end:], " \t"), ok
}

// whole returns n without its fraction.
func whole(n *big.Rat) (int64, bool) {
	i := new(big.Int).Quo(n.Num(), n.Denom())
	return i.Int64(), i.IsInt64()
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

var durationUnits = map[string]time.Duration{
	"":   time.Millisecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanos": time.Nanosecond,
	"nanosecond": time.Nanosecond, "nanoseconds": time.Nanosecond,
	"us": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond,
	"microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": day, "day": day, "days": day,
	"w": week, "week": week, "weeks": week,
}

// sizeScale follows the specification's section on sizes, in any case.
func sizeScale(unit string) (int64, bool) {
	switch unit {
	case "", "b", "byte", "bytes":
		return 1, true
	}
	for i, prefix := range []string{"k", "m", "g", "t", "p", "e"} {
		rest, ok := strings.CutPrefix(unit, prefix)
		if !ok {
			continue
		}
		decimal, binary := sizeNames[2*i], sizeNames[2*i+1]
		switch {
		case rest == "" || rest == "i" || rest == "ib", unit == binary, unit == binary+"s":
			return 1 << (10 * (i + 1)), true
		case rest == "b", unit == decimal, unit == decimal+"s":
			return int64(math.Pow10(3 * (i + 1))), true
		}
	}
	return 0, false
}

var sizeNames = strings.Fields(`kilobyte kibibyte megabyte mebibyte gigabyte gibibyte
	terabyte tebibyte petabyte pebibyte exabyte exbibyte`)
