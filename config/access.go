package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/config/hocon"
)

func accessKeys() []key {
	return []key{
		{path: "authentication.users_file", optional: true, live: true, read: text(func(t target) *string { return &t.c.Access.UsersFile }, filled)},
		{path: "authentication.timeout", read: duration(func(t target) *time.Duration { return &t.c.Access.Timeout }, 100*time.Millisecond, 5*time.Minute)},
		{path: "authentication.max_logins", read: number(func(t target) *int { return &t.c.Access.MaxLogins }, 0, 10_000)},
		{path: "authorization.no_match", live: true, read: choice(func(t target) *string { return &t.c.Access.NoMatch }, "auto allow deny", "")},
		{path: "authorization.rules", live: true, read: rules},
		{path: "authorization.rules_file", optional: true, live: true, read: text(func(t target) *string { return &t.c.Access.RulesFile }, filled)},
		{path: "authorization.deny_action", read: choice(func(target) *string { return new(string) }, "ignore", "disconnect")},
	}
}

// maxRules is how many rules authorization.rules may hold; a file holds more.
const maxRules = 1000

// rules takes a list of texts; commas belong to the rules.
func rules(t target, v *hocon.Value) error {
	elems, ok := v.List()
	if !ok {
		return fmt.Errorf("found %s, expected a list of rules, each in quotes", v.Kind())
	}
	if len(elems) > maxRules {
		return fmt.Errorf("found %d rules, expected at most %d; a rules_file may hold more", len(elems), maxRules)
	}
	out := []string{}
	for _, e := range elems {
		s, err := scalar(e, "a rule in quotes")
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	t.c.Access.Rules = out
	return nil
}

// serverKeepAlive reads disabled, or a whole number of seconds.
func serverKeepAlive(t target, v *hocon.Value) error {
	s, err := scalar(v, "disabled or a whole number of seconds from 1 to 65535")
	if err != nil || strings.EqualFold(s, "disabled") {
		return err
	}
	n, err := wholeText(s, 1, 65535)
	if err != nil {
		return fmt.Errorf("found %s, expected disabled or a whole number of seconds from 1 to 65535", short(s))
	}
	t.c.MQTT.ServerKeepAlive = time.Duration(n) * time.Second
	return nil
}

// responseInformation reads the beginning of topics; empty text is none.
func responseInformation(t target, v *hocon.Value) error {
	s, err := scalar(v, "text")
	if err == nil && (len(s) > 1024 || strings.ContainsAny(s, "+#\x00")) {
		err = fmt.Errorf("found %s, expected the beginning of a topic, at most 1024 bytes without wildcards", short(s))
	}
	t.c.MQTT.ResponseInfo = s
	return err
}

// fsync reads when the log of sessions is handed to the device.
func fsync(t target, v *hocon.Value) error {
	s, err := scalar(v, "written, always or a duration")
	switch {
	case err != nil:
		return err
	case strings.EqualFold(s, "written"):
		t.c.SessionFsync = 0
		return nil
	case strings.EqualFold(s, "always"):
		t.c.SessionFsync = -1
		return nil
	}
	d, err := hocon.Duration(s)
	if err != nil || d < time.Millisecond || d > time.Minute {
		return fmt.Errorf("found %s, expected written, always or a duration from 1ms to 1m", short(s))
	}
	t.c.SessionFsync = d
	return nil
}

// certNames gives the listeners that do not say themselves what of a
// certificate is the user name what mqtt.peer_cert_as_username says.
func (c *Config) certNames() {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Kind == "ssl" || l.Kind == "wss" {
			l.TLS.PeerCertAsUsername = cmp.Or(l.TLS.PeerCertAsUsername, c.MQTT.PeerCertAsUsername)
		}
	}
}

// named are the files that the configuration names and that are read again
// while the node runs.
func (c *Config) named() (out []string) {
	names := []string{c.Access.UsersFile, c.Access.RulesFile}
	for _, l := range c.Listeners {
		names = append(names, l.TLS.CACertFile, l.TLS.CertFile, l.TLS.KeyFile)
	}
	for _, name := range names {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// errAuthenticators says what to do instead of a list of authenticators.
var errAuthenticators = fmt.Errorf("a list of authenticators: %w: name a users file with authentication.users_file", ErrNotBuilt)
