package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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

// logLevel takes the words of older products too, each as the nearest of ours.
func logLevel(t target, v *hocon.Value) error {
	older := map[string]string{"warning": "warn", "notice": "info", "critical": "error", "alert": "error", "emergency": "error"}
	s, err := scalar(v, "one of debug, info, warn, error")
	if err != nil {
		return err
	}
	word := strings.ToLower(s)
	if newer := older[word]; newer != "" {
		word = newer
	}
	if !isWord(word, "debug info warn error") {
		return fmt.Errorf("found %s, expected one of debug, info, warn, error", short(s))
	}
	t.c.Log.Level = word
	return nil
}

func replicas(_ target, v *hocon.Value) error {
	n, err := whole(0, 7)(v)
	if err == nil && n != int64(0) {
		err = fmt.Errorf("%d: %w", n, ErrNotBuilt)
	}
	return err
}

// dnsBind takes off; an address is checked, and refused as long as nothing
// would answer there.
func dnsBind(_ target, v *hocon.Value) error {
	s, err := scalar(v, "off or host:port")
	if err != nil {
		return err
	}
	if on, err := hocon.ParseBool(s); err == nil && !on {
		return nil
	}
	if _, err := hostPort(s); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", short(s), ErrNotBuilt)
}
