package access

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/muster-mqtt/muster/mqtt"
)

// Options say who may do what; the zero Options let clients of loopback
// listeners do everything, and others nothing.
type Options struct {
	// UsersFile holds the users and their passwords; "" means that no client
	// is asked for one.
	UsersFile string
	Rules     []string // before those of RulesFile
	RulesFile string   // "" is none
	NoMatch   NoMatch
	Listeners map[string]Listener // by mqtt.ListenerOptions.ID
}

// Listener is what counts for the clients of one listener.
type Listener struct {
	Loopback       bool // only this machine reaches it
	AllowAnonymous bool // the written waiver
	Certified      bool // it takes only clients with a certificate that it has verified
}

// NoMatch says what happens to what no rule decides.
type NoMatch uint8

// The values of NoMatch.
const (
	// Auto allows it on loopback, and where anybody is let in by a waiver as
	// long as there are no rules at all; else it denies.
	Auto NoMatch = iota
	Allow
	Deny
)

// Access implements mqtt.Authenticator and mqtt.Authorizer.
type Access struct {
	reload sync.Mutex
	policy atomic.Pointer[policy]
	counts [numCounts]atomic.Uint64
}

var (
	_ mqtt.Authenticator = (*Access)(nil)
	_ mqtt.Authorizer    = (*Access)(nil)
)

// policy is what counts now. It is not changed.
type policy struct {
	users     *users // nil: nobody is asked
	rules     []rule
	noMatch   NoMatch
	listeners map[string]Listener
}

// New reads the files. An error names the file and the line.
func New(o Options) (*Access, error) {
	a := &Access{}
	p, err := (&policy{}).next(o)
	if err != nil {
		return nil, err
	}
	a.policy.Store(p)
	return a, nil
}

// Reload reads the files again. Of users and rules each that cannot be read,
// or is wrong, stays as it was, and the error says so; the other one, and what
// Options hold themselves, count from now on.
func (a *Access) Reload(o Options) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	p, err := a.policy.Load().next(o)
	a.policy.Store(p)
	if err != nil {
		a.counts[reloadsFailed].Add(1)
		return err
	}
	a.counts[reloads].Add(1)
	return nil
}

// Size returns how many users and rules count now.
func (a *Access) Size() (users, rules int) {
	p := a.policy.Load()
	if p.users != nil {
		users = len(p.users.byName)
	}
	return users, len(p.rules)
}

// next returns the policy by o, with parts of p where o has a broken one.
func (p *policy) next(o Options) (*policy, error) {
	n := &policy{users: p.users, rules: p.rules, noMatch: o.NoMatch, listeners: o.Listeners}
	users, err := o.users()
	if err == nil {
		n.users = users
	}
	rules, err2 := o.rules()
	if err2 == nil {
		n.rules = rules
	}
	return n, errors.Join(err, err2)
}

func (o *Options) users() (*users, error) {
	if o.UsersFile == "" {
		return nil, nil
	}
	u, err := loadUsers(o.UsersFile)
	if err != nil {
		return nil, fmt.Errorf("users file %w", err)
	}
	return u, nil
}

func (o *Options) rules() ([]rule, error) {
	var out []rule
	for i, line := range o.Rules {
		r, err := parseRule(line)
		if err := errors.Join(checkLine(line), err); err != nil {
			return nil, &LineError{File: fmt.Sprintf("rule %d", i+1), Err: err}
		}
		out = append(out, r)
	}
	if o.RulesFile == "" {
		return out, nil
	}
	more, err := loadRules(o.RulesFile)
	if err != nil {
		return nil, fmt.Errorf("rules file %w", err)
	}
	return slices.Concat(out, more), nil
}
