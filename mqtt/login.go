package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// maxAuthRounds bounds the packets of one exchange of enhanced authentication.
const maxAuthRounds = 16

// errBusy says that too many logins are under way.
var errBusy = errors.New("too many logins at a time")

// identify finds out who the client is.
func (c *conn) identify(in *entry) error {
	l := Login{
		ClientID: in.req.ClientID, Username: in.req.Username, Password: in.req.Password,
		Listener: c.listener.opts.ID, Remote: c.remote(), CertName: certName(c.nc),
	}
	if in.assigned {
		l.ClientID = ""
	}
	v, err := c.verdict(l, in)
	switch {
	case err != nil:
		return err
	case !v.Allow:
		return refusalOf(v)
	}
	c.who = &Identity{
		ClientID: in.req.ClientID, Username: v.Username, Listener: l.Listener, Remote: l.Remote,
		CertName: l.CertName, Superuser: v.Superuser,
	}
	if c.who.Username == "" && l.Username != nil {
		c.who.Username = *l.Username
	}
	return nil
}

func certName(nc any) string {
	if c, ok := nc.(Certified); ok {
		return c.CertName()
	}
	return ""
}

func refusalOf(v Verdict) *refusal {
	code := cmp.Or(v.Reason, packet.NotAuthorized)
	switch code {
	case packet.BadUserNameOrPassword:
		return &refusal{refusedCredentials, code, "user name or password"}
	case packet.ServerBusy:
		return &refusal{refusedBusy, code, errBusy.Error()}
	}
	return &refusal{refusedUnauthorized, code, "the login"}
}

// verdict asks whom the CONNECT names: a method, or the Authenticator.
func (c *conn) verdict(l Login, in *entry) (Verdict, error) {
	b := c.broker
	if in.req.AuthMethod == nil {
		if b.authenticator == nil {
			return Verdict{Allow: true}, nil
		}
		return c.check(func(ctx context.Context) Verdict { return b.authenticator.Authenticate(ctx, l) }), nil
	}
	method := b.methods[*in.req.AuthMethod]
	if method == nil { // [MQTT-4.12.0-1]
		return Verdict{}, &refusal{refusedMethod, packet.BadAuthenticationMethod, "an unknown authentication method"}
	}
	return c.converse(method.Begin(l), in)
}

// check runs a login in its turn. A broker that has no turn in time refuses.
func (c *conn) check(login func(context.Context) Verdict) Verdict {
	b := c.broker
	// Not a child of c.ctx, which would keep memory for it as long as it lives.
	ctx, cancel := context.WithTimeout(context.Background(), b.limits.LoginTimeout)
	defer cancel()
	c.login.Store(&cancel)
	defer c.login.Store(nil)
	if c.closed() {
		cancel()
	}
	select {
	case b.logins <- struct{}{}:
		defer func() { <-b.logins }()
		return login(ctx)
	case <-ctx.Done():
		return Verdict{Reason: packet.ServerBusy}
	}
}

// converse leads the exchange of a CONNECT to its end.
func (c *conn) converse(x AuthExchange, in *entry) (Verdict, error) {
	data := in.req.AuthData
	for range maxAuthRounds {
		s := c.authStep(x, data)
		if !s.More {
			in.authData = s.Data
			return s.Verdict, nil
		}
		c.out.reply(packet.Auth{Version: c.version, Reason: packet.ContinueAuthentication, Method: in.req.AuthMethod, Data: s.Data})
		p, err := c.read()
		if err != nil {
			return Verdict{}, err
		}
		switch p.Type {
		case packet.TypeAuth:
		case packet.TypeDisconnect:
			return Verdict{}, errDisconnect
		default: // [MQTT-3.1.2-30]
			return Verdict{}, fmt.Errorf("%w: %v during authentication", packet.ErrProtocol, p.Type)
		}
		a, err := p.Auth()
		if err != nil {
			return Verdict{}, err
		}
		if a.Reason != packet.ContinueAuthentication || *a.Method != *in.req.AuthMethod { // [MQTT-4.12.0-3, 4.12.0-5]
			return Verdict{}, fmt.Errorf("%w: AUTH with %v and method %q", packet.ErrProtocol, a.Reason, *a.Method)
		}
		data = a.Data
	}
	return Verdict{Reason: packet.NotAuthorized}, nil
}

// authStep asks a method in its turn.
func (c *conn) authStep(x AuthExchange, data []byte) (s AuthStep) {
	s.Verdict = c.check(func(ctx context.Context) Verdict {
		s = x.Next(ctx, data)
		return s.Verdict
	})
	return s
}

// handleAuth goes on with a re-authentication, or begins one
// [MQTT 5.0, 4.12.1].
func (c *conn) handleAuth(p packet.Packet) error {
	a, err := p.Auth()
	switch {
	case err != nil:
		return err
	case c.method == "" || *a.Method != c.method: // [MQTT-4.12.0-7, 4.12.1-1]
		return fmt.Errorf("%w: AUTH with method %q", errMethod, *a.Method)
	case a.Reason == packet.ReAuthenticate && c.reauth == nil:
		c.reauth = c.broker.methods[c.method].Begin(c.relogin())
	case a.Reason != packet.ContinueAuthentication || c.reauth == nil:
		return fmt.Errorf("%w: AUTH with %v", packet.ErrProtocol, a.Reason)
	}
	s := c.authStep(c.reauth, a.Data)
	answer := packet.Auth{Version: c.version, Reason: packet.ContinueAuthentication, Method: &c.method, Data: s.Data}
	c.authRounds++
	if !s.More {
		if !s.Verdict.Allow {
			return fmt.Errorf("%w: %v", errReauth, cmp.Or(s.Verdict.Reason, packet.NotAuthorized))
		}
		c.reauth, c.authRounds, answer.Reason = nil, 0, packet.Success
	}
	if c.authRounds >= maxAuthRounds {
		return fmt.Errorf("%w: more than %d rounds", errReauth, maxAuthRounds)
	}
	c.out.reply(answer)
	return nil
}

func (c *conn) relogin() Login {
	return Login{ClientID: c.who.ClientID, Username: &c.who.Username, Listener: c.who.Listener, Remote: c.who.Remote, CertName: c.who.CertName}
}
