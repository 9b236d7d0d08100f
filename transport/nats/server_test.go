package nats

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
	"github.com/muster-mqtt/muster/transport/nats/natstest"
	"github.com/nats-io/nats-server/v2/server"
)

func maxPayload(bytes int32) func(*server.Options) {
	return func(o *server.Options) { o.MaxPayload = bytes }
}

// dialAgain dials until it succeeds, as a node does.
func dialAgain(t testing.TB, from, to *Transport) (dialled, accepted *link) {
	t.Helper()
	ctx := within(t)
	for {
		l, err := from.Dial(ctx, to.Addr())
		if err == nil {
			for {
				got, err := to.Accept(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if a := got.(*link); a.key.id == l.(*link).key.id {
					return l.(*link), a
				}
				_ = got.Close()
			}
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// A server that ends takes the links with it, at once and on both sides; when
// it is back, links can be dialled again.
func TestServerRestart(t *testing.T) {
	s := natstest.Start(t)
	a, b := listen(t, 1, s), listen(t, 2, s)
	for range 3 {
		from, to := dialAgain(t, a, b)
		pass(t, from, to, "before")
		s.Restart()
		wantEnd(t, from, "connection to the NATS server")
		wantEnd(t, to, "connection to the NATS server")
		if err := from.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("send: %v", err)
		}
	}
	if a.Stats().Disconnects < 3 {
		t.Errorf("%+v", a.Stats())
	}
}

// One of three servers ends: only the links of its clients do, and those
// clients are at another server soon.
func TestOneOfThreeServers(t *testing.T) {
	all := natstest.Cluster(t, 3)
	a, b, c := listen(t, 1, all[0]), listen(t, 2, all[1]), listen(t, 3, all[2])
	ab, _ := pair(t, a, b)
	bc, cb := pair(t, b, c)
	all[0].Stop()
	wantEnd(t, ab, "connection to the NATS server")
	pass(t, bc, cb, "unharmed")
	from, to := dialAgain(t, a, b)
	pass(t, from, to, "at another server")
}

// A node that starts before its server serves when that is there.
func TestServerComesLate(t *testing.T) {
	s := natstest.Start(t)
	s.Stop()
	a, b := listen(t, 1, s), listen(t, 2, s)
	if _, err := a.Heard(); !errors.Is(err, errOffline) {
		t.Errorf("heard: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(short, uidOf(2)); !errors.Is(err, errOffline) || !errors.Is(err, transport.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial: %v", err)
	}
	s.Restart()
	from, to := dialAgain(t, a, b)
	pass(t, from, to, "late")
}

// A connection is told once, and a start that is refused is not told as a loss.
func TestConnectionIsTold(t *testing.T) {
	s := natstest.Start(t, maxPayload(512))
	var told log
	if _, err := tryListen(t, 1, s.URL(), told.option); err == nil {
		t.Error("it starts with packets of 512 bytes")
	}
	if n, text := strings.Count(told.String(), "connected to a"), told.String(); n != 1 || strings.Contains(text, "lost") || strings.Contains(text, "has ended") {
		t.Errorf("log:\n%s", text)
	}
}

// What an operator has to mend is an error at once.
func TestRefusedAtStart(t *testing.T) {
	open := natstest.Start(t)
	locked := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "u", "p" })
	for name, c := range map[string]struct {
		url, want string
		set       func(*Options)
	}{
		"no URL":            {want: "no URL", set: func(o *Options) { o.URLs = nil }},
		"no cluster":        {want: "cluster name", set: func(o *Options) { o.Cluster = "" }},
		"long cluster":      {want: "cluster name", set: func(o *Options) { o.Cluster = strings.Repeat("x", 256) }},
		"no uid":            {want: "uid", set: func(o *Options) { o.UID = "n1" }},
		"half a pair":       {want: "belong together", set: func(o *Options) { o.Cert = "c" }},
		"negative":          {want: "negative", set: func(o *Options) { o.MaxLinks = -1 }},
		"no such file":      {want: "no such file", set: func(o *Options) { o.Credentials = "/nowhere/creds" }},
		"no such CA":        {want: "no such file", set: func(o *Options) { o.CACert = "/nowhere/ca" }},
		"nobody":            {url: locked.URL(), want: "Authorization Violation"},
		"wrong password":    {url: strings.Replace(locked.URL(), "//", "//u:secret@", 1), want: "Authorization Violation"},
		"small max_payload": {url: natstest.Start(t, maxPayload(512)).URL(), want: "max_payload must be"},
	} {
		if c.url == "" {
			c.url = open.URL()
		}
		if c.set == nil {
			c.set = func(*Options) {}
		}
		_, err := tryListen(t, 1, c.url, c.set)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Close does not wait for a server that is not there.
func TestCloseOffline(t *testing.T) {
	s := natstest.Start(t)
	a := listen(t, 1, s)
	s.Stop()
	until(t, "the loss of the server", func() bool { return !a.Stats().Connected })
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
}
