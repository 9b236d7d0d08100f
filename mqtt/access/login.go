package access

import (
	"context"

	"github.com/muster-mqtt/muster/mqtt"
)

// Reasons of a Verdict, by the numbers of MQTT 5.0 section 2.4.
const (
	badCredentials = 0x86
	notAuthorized  = 0x87
)

// Authenticate implements mqtt.Authenticator. A name that a listener has taken
// from a verified certificate needs no password; the users file may still
// disable it. Checking a password cannot be interrupted and takes as long for
// an unknown user.
func (a *Access) Authenticate(ctx context.Context, l mqtt.Login) mqtt.Verdict {
	p := a.policy.Load()
	why := p.login(ctx, l)
	a.counts[why].Add(1)
	switch why {
	case loginCertificate:
		return mqtt.Verdict{Allow: true, Username: l.CertName}
	case loginPassword, loginAnonymous:
		return mqtt.Verdict{Allow: true}
	case refusedPassword, refusedDisabled:
		return mqtt.Verdict{Reason: badCredentials}
	}
	return mqtt.Verdict{Reason: notAuthorized}
}

func (p *policy) login(ctx context.Context, l mqtt.Login) count {
	switch {
	case l.CertName != "":
		if p.users != nil && p.users.byName[l.CertName].disabled {
			return refusedDisabled
		}
		return loginCertificate
	case p.users != nil && l.Username != nil && *l.Username != "":
		return p.password(ctx, l)
	case p.anonymous(p.listeners[l.Listener]):
		return loginAnonymous
	}
	return refusedAnonymous
}

// password checks a user name and a password. A missing password is refused
// without a check, which tells nothing of the user.
func (p *policy) password(ctx context.Context, l mqtt.Login) count {
	switch {
	case l.Password == nil:
		return refusedPassword
	case ctx.Err() != nil:
		return refusedLate
	case p.users.check(*l.Username, l.Password):
		return loginPassword
	case p.users.byName[*l.Username].disabled:
		return refusedDisabled
	}
	return refusedPassword
}

// anonymous reports whether a listener takes clients that do not say who they
// are.
func (p *policy) anonymous(l Listener) bool {
	return l.AllowAnonymous || p.users == nil && (l.Loopback || l.Certified)
}
