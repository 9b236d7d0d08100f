package access

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/muster-mqtt/muster/core"
)

// The bounds of a list of rules.
const (
	maxRules  = 10_000
	maxTopics = 1000 // of one rule
)

// rule allows or denies some clients something.
type rule struct {
	allow      bool
	who        []condition // all must hold; none is everybody
	publish    bool
	subscribe  bool
	everything bool      // every topic, also those that begin with '$'
	topics     []pattern // any may hold
}

// condition is one thing that must be so of a client.
type condition struct {
	kind  conditionKind
	text  string
	where netip.Prefix
}

type conditionKind uint8

const (
	byUser conditionKind = iota
	byClient
	byAddress
)

// parseRules reads a text with one rule a line.
func parseRules(name, text string) ([]rule, error) {
	var out []rule
	err := eachLine(name, text, func(_ int, line string) error {
		r, err := parseRule(line)
		if err == nil && len(out) == maxRules {
			err = fmt.Errorf("more than %d rules", maxRules)
		}
		out = append(out, r)
		return err
	})
	return out, err
}

// loadRules reads a file of rules.
func loadRules(path string) ([]rule, error) {
	text, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseRules(path, text)
}

// CheckRule returns nil for what can be a rule: allow or deny, who, what, and
// topics, as in
//
//	allow user alice publish devices/%c/#
//
// docs/operations/access.md describes it.
func CheckRule(line string) error {
	if err := checkLine(line); err != nil {
		return err
	}
	_, err := parseRule(line)
	return err
}

func parseRule(line string) (r rule, err error) {
	words, err := splitWords(line)
	if err != nil {
		return r, err
	}
	if len(words) == 0 || !words[0].is("allow") && !words[0].is("deny") {
		return r, errors.New("expected a rule that begins with allow or deny")
	}
	r.allow = words[0].is("allow")
	rest, err := r.parseWho(words[1:])
	if err != nil {
		return r, err
	}
	if rest, err = r.parseAction(rest); err != nil {
		return r, err
	}
	return r, r.parseTopics(rest)
}

// parseWho reads all, or conditions, and returns the words after them.
func (r *rule) parseWho(words []word) ([]word, error) {
	if len(words) > 0 && words[0].is("all") {
		return words[1:], nil
	}
	for len(words) > 1 {
		kind, value := words[0], words[1].text
		c := condition{text: value}
		switch {
		case kind.is("user"):
			c.kind = byUser
		case kind.is("client"):
			c.kind = byClient
		case kind.is("ip"):
			c.kind = byAddress
			var err error
			if c.where, err = parsePrefix(value); err != nil {
				return nil, err
			}
		default:
			return words, r.needsWho()
		}
		r.who = append(r.who, c)
		words = words[2:]
	}
	return words, r.needsWho()
}

func (r *rule) needsWho() error {
	if len(r.who) == 0 {
		return errors.New("expected all, user NAME, client ID or ip ADDRESS after allow or deny")
	}
	return nil
}

// parsePrefix reads an address, or a network as in 10.0.0.0/8.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Zone() == "" && !p.Addr().Is4In6() {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("found %s, expected an IP address, or a network such as 10.0.0.0/8", strconv.Quote(s))
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// parseAction reads publish, subscribe or all; nothing is all.
func (r *rule) parseAction(words []word) ([]word, error) {
	switch {
	case len(words) == 0, words[0].is("all"):
		r.publish, r.subscribe = true, true
	case words[0].is("publish"):
		r.publish = true
	case words[0].is("subscribe"):
		r.subscribe = true
	default:
		return nil, fmt.Errorf("found %s, expected publish, subscribe or all", strconv.Quote(words[0].text))
	}
	return words[min(1, len(words)):], nil
}

// parseTopics reads topics, each perhaps with eq before it; none is every
// topic.
func (r *rule) parseTopics(words []word) error {
	r.everything = len(words) == 0
	for len(words) > 0 {
		literal := words[0].is("eq")
		if literal {
			if words = words[1:]; len(words) == 0 {
				return errors.New("expected a topic after eq")
			}
		}
		p, err := newPattern(words[0].text, literal)
		if err != nil {
			return fmt.Errorf("topic %s: %w", strconv.Quote(words[0].text), err)
		}
		if r.topics = append(r.topics, p); len(r.topics) > maxTopics {
			return fmt.Errorf("more than %d topics", maxTopics)
		}
		words = words[1:]
	}
	return nil
}

func checkFilter(s string) error { return core.Filter(s).Check() }
