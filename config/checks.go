package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

// maxName is the longest node name, in bytes.
const maxName = 255

func filled(s string) (string, error) {
	if s == "" || strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("found %s, expected text", short(s))
	}
	return s, nil
}

func nodeName(s string) (string, error) {
	name, host, full := strings.Cut(s, "@")
	if name == "" || full && host == "" || len(s) > maxName || strings.ContainsAny(s, " \t\r\n/,\"'") || strings.Contains(host, "@") {
		return "", fmt.Errorf("found %s, expected name@host or name, at most %d bytes", short(s), maxName)
	}
	return s, nil
}

func label(s string) (string, error) {
	ok := func(r rune) bool { return strings.ContainsRune("_-.", r) || isAlnum(r) }
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return !ok(r) }) {
		return "", fmt.Errorf("found %s, expected 1 to 64 letters, digits, '_', '-' or '.'", short(s))
	}
	return s, nil
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func address(s string) (string, error) {
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return "", fmt.Errorf("found %s, expected an IP address", short(s))
	}
	return ip.String(), nil
}

// hostPort takes host:port, or a port alone for every interface.
func hostPort(s string) (string, error) {
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || strings.ContainsAny(host, " \t\n/@,") {
		return "", fmt.Errorf("found %s, expected host:port with a port from 0 to 65535", short(s))
	} else if host == "" {
		return fmt.Sprintf("0.0.0.0:%d", n), nil
	}
	return s, nil
}

func sha256Text(s string) (string, error) {
	s = strings.ToLower(s)
	if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return "", fmt.Errorf("found %s, expected 64 hexadecimal digits", short(s))
	}
	return s, nil
}

// strategies reads cluster.discovery_strategy.
func strategies(t target, v *hocon.Value) error {
	list, err := textList(v)
	if err != nil {
		return err
	}
	for i, s := range list {
		list[i] = strings.ToLower(s)
		if err := strategy(list[i]); err != nil {
			return err
		}
	}
	switch {
	case len(list) == 0 || len(list) > maxStrategies:
		return fmt.Errorf("found %d strategies, expected 1 to %d", len(list), maxStrategies)
	case len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list):
		return errors.New("found a strategy twice, expected each once")
	case len(list) > 1 && slices.Contains(list, manual):
		return errors.New("found manual beside another strategy, expected it alone")
	}
	t.c.Cluster.Strategies = list
	return nil
}

const (
	maxStrategies = 8
	manual        = "manual"
	static        = "static"
)

// strategy checks a name, which becomes part of the plugin's file name and a
// key under cluster.
func strategy(s string) error {
	ok := func(r rune) bool { return r == '-' || r == '_' || isAlnum(r) }
	switch {
	case isWord(s, unbuiltStrategies):
		return fmt.Errorf("%s: %w", s, ErrNotBuilt)
	case s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return !ok(r) }):
		return fmt.Errorf("found %s, expected the name of a strategy", short(s))
	case s == manual || s == static:
		return nil
	}
	if newSchema().at("cluster").child(s) != nil {
		return fmt.Errorf("found %s, which is a key under cluster, expected the name of a strategy", short(s))
	}
	return nil
}

func autoclean(t target, v *hocon.Value) error {
	if on, err := hocon.ParseBool(v.Text()); err == nil && !on {
		t.c.Cluster.Autoclean = 0
		return nil
	}
	if v.Kind() == hocon.Bool {
		return errors.New("found true, expected off or a duration such as 24h")
	}
	return duration(func(t target) *time.Duration { return &t.c.Cluster.Autoclean }, time.Second, forever)(t, v)
}

func autoheal(t target, v *hocon.Value) error {
	if err := onOff(func(t target) *bool { return &t.c.Cluster.Autoheal })(t, v); err != nil {
		return err
	}
	if !t.c.Cluster.Autoheal {
		return fmt.Errorf("off: %w", ErrNotBuilt)
	}
	return nil
}
