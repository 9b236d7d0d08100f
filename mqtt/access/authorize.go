package access

import (
	"github.com/muster-mqtt/muster/mqtt"
)

// Authorize implements mqtt.Authorizer. A user who has been removed or
// disabled since the login may do nothing.
func (a *Access) Authorize(who *mqtt.Identity, want mqtt.Access) bool {
	p := a.policy.Load()
	allowed := p.authorize(who, action{publish: want.Publish, topic: want.Topic})
	if !allowed {
		if want.Publish {
			a.counts[deniedPublish].Add(1)
		} else {
			a.counts[deniedSubscribe].Add(1)
		}
	}
	return allowed
}

func (p *policy) authorize(who *mqtt.Identity, want action) bool {
	l := p.listeners[who.Listener]
	name, ok := p.user(who, l)
	if !ok {
		return false
	}
	if name != "" && p.users != nil && p.users.byName[name].superuser {
		return true
	}
	c := client{values{client: who.ClientID, user: name}, who.Remote.Addr().Unmap().WithZone("")}
	return decide(p.rules, c, want, p.allowsTheRest(l))
}

// Admits reports whether a client that has logged in would still be let in,
// whatever it may do: its user has not been removed or disabled since, nor has
// what let it in without one been taken back. A password that has been changed
// since does not count.
func (a *Access) Admits(who *mqtt.Identity) bool {
	p := a.policy.Load()
	_, ok := p.user(who, p.listeners[who.Listener])
	return ok
}

// user returns the name that the client has shown to be its own, "" for none,
// and whether it may still be here.
func (p *policy) user(who *mqtt.Identity, l Listener) (string, bool) {
	switch {
	case who.CertName != "":
		return who.CertName, p.users == nil || !p.users.byName[who.CertName].disabled
	case p.users == nil || who.Username == "":
		return "", p.anonymous(l)
	}
	account, known := p.users.byName[who.Username]
	return who.Username, known && !account.disabled
}

func (p *policy) allowsTheRest(l Listener) bool {
	if p.noMatch == Auto {
		return l.Loopback || l.AllowAnonymous && len(p.rules) == 0
	}
	return p.noMatch == Allow
}
