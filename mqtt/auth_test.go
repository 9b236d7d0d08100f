package mqtt

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

// fakeAccess lets in and allows as it is told.
type fakeAccess struct {
	mu      sync.Mutex
	verdict Verdict
	takes   time.Duration // of a login
	deny    bool
	denied  map[string]bool // topics and filters
	logins  []Login
	asked   []Access
	atOnce  int
	most    int // logins at a time
}

var (
	_ Authenticator = (*fakeAccess)(nil)
	_ Authorizer    = (*fakeAccess)(nil)
)

func (a *fakeAccess) Authenticate(_ context.Context, l Login) Verdict {
	a.mu.Lock()
	a.logins = append(a.logins, l)
	a.atOnce++
	a.most = max(a.most, a.atOnce)
	a.mu.Unlock()
	time.Sleep(a.takes) // deaf to ctx
	a.mu.Lock()
	defer a.mu.Unlock()
	a.atOnce--
	return a.verdict
}

func (a *fakeAccess) Authorize(_ *Identity, what Access) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, what)
	return !a.deny && !a.denied[what.Topic]
}

// TestLogin lists verdicts and what the client is told.
func TestLogin(t *testing.T) {
	for _, c := range []struct {
		name     string
		verdict  Verdict
		in5, in4 byte
		counted  string
	}{
		{"allowed", Verdict{Allow: true}, 0, 0, ""},
		{"password", Verdict{Reason: packet.BadUserNameOrPassword}, 0x86, 4, "credentials"},
		{"refused", Verdict{}, 0x87, 5, "not_authorized"},
		{"banned", Verdict{Reason: packet.Banned}, 0x8a, 5, "not_authorized"},
		{"unavailable", Verdict{Reason: packet.ServerUnavailable}, 0x88, 3, "not_authorized"},
	} {
		both(t, func(t *testing.T, v packet.Version) {
			access := &fakeAccess{verdict: c.verdict}
			f := onPipe(t, Limits{}, func(o *Options) { o.Authenticator = access })
			p := f.open()
			p.in.SetVersion(v)
			p.send(packet.Connect{Version: v, CleanStart: true, ClientID: "c", Username: ptr("u"), Password: []byte("pw")})
			want := c.in5
			if v == packet.Version311 {
				want = c.in4
			}
			if got := p.connack(); got.Code != want {
				t.Errorf("%s: code %#x", c.name, got.Code)
			}
			l := access.logins[0]
			if l.ClientID != "c" || *l.Username != "u" || string(l.Password) != "pw" || l.Listener != "tcp.test" {
				t.Errorf("%+v", l)
			}
			if want == 0 {
				if got := f.broker.Clients()[0]; got.Username != "u" || got.Version != v.String() {
					t.Errorf("%+v", got)
				}
				return
			}
			p.wantClosed()
			f.wantCount("mqtt_connections_refused_total", c.counted, 1)
			if len(f.cluster.claims) != 0 {
				t.Error("claimed")
			}
		})
	}
}

// TestLoginBusy: no more logins than the limit run at a time; who has no turn
// in time is told to come back.
func TestLoginBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		access := &fakeAccess{verdict: Verdict{Allow: true}, takes: 4 * time.Second}
		f := onPipe(t, Limits{MaxLogins: 2, LoginTimeout: 10 * time.Second}, func(o *Options) { o.Authenticator = access })
		var in, out sync.WaitGroup
		codes := make(chan byte, 8)
		for range 8 {
			p := f.open5()
			in.Go(func() {
				p.send(packet.Connect{Version: 5, CleanStart: true})
				codes <- p.connack().Code
			})
		}
		in.Wait()
		out.Wait()
		close(codes)
		count := map[byte]int{}
		for code := range codes {
			count[code]++
		}
		// Two each from 0 s, 4 s and 8 s on; the last two are cut at 10 s.
		if access.most != 2 || count[0] != 6 || count[byte(packet.ServerBusy)] != 2 {
			t.Errorf("%d at a time, codes %v", access.most, count)
		}
		f.wantCount("mqtt_connections_refused_total", "busy", 2)
	})
}

// TestAuthorize: what a client may not do it does not do, and is told so where
// the version has a word for it.
func TestAuthorize(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		access := &fakeAccess{denied: map[string]bool{"no": true, "no/#": true}}
		f := onPipe(t, Limits{}, func(o *Options) { o.Authorizer = access })
		p := f.join(v, "p")
		p.send(packet.Subscribe{Version: v, ID: 1, Subscriptions: []packet.Subscription{
			{Filter: "yes", QoS: 1}, {Filter: "no/#", QoS: 1}, {Filter: "$share/g/no/#"}, {Filter: "$share/g/yes/#"}}})
		want := []byte{1, 0x87, 0x87, 0}
		if v == packet.Version311 {
			want = []byte{1, 0x80, 0x80, 0}
		}
		p.want(packet.Suback{Version: v, ID: 1, Codes: want})
		p.send(p.as(publish("no", "x")), p.as(publish1("no", "x", 1)), p.as(publish("yes", "y")))
		if v == packet.Version5 {
			p.want(refused(puback(1), packet.NotAuthorized))
		} else {
			p.want(puback(1))
		}
		p.want(p.as(publish("yes", "y")))
		if got := f.cluster.published("no"); len(got) != 0 {
			t.Errorf("published %q", got)
		}
		f.wantCount("mqtt_publishes_dropped_total", "not_authorized", 2)
		f.wantCount("mqtt_subscriptions_refused_total", "not_authorized", 2)
	})
}

// TestAuthorizeWill: the topic of a will is asked for at CONNECT, and again
// when it is published.
func TestAuthorizeWill(t *testing.T) {
	both(t, func(t *testing.T, v packet.Version) {
		access := &fakeAccess{denied: map[string]bool{"no": true}}
		f := onPipe(t, Limits{}, func(o *Options) { o.Authorizer = access })
		p := f.open()
		p.in.SetVersion(v)
		p.send(packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Topic: "no"}})
		want := byte(packet.NotAuthorized)
		if v == packet.Version311 {
			want = packet.RefusedUnauthorized
		}
		if got := p.connack().Code; got != want {
			t.Errorf("code %#x", got)
		}
		p = f.open()
		p.in.SetVersion(v)
		p.send(packet.Connect{Version: v, CleanStart: true, ClientID: "a", Will: &packet.Will{Topic: "later"}})
		p.connack()
		access.mu.Lock()
		access.denied["later"] = true
		access.mu.Unlock()
		p.nc.Close()
		synctest.Wait()
		f.wantCount("mqtt_wills_dropped_total", "not_authorized", 1)
		f.wantCount("mqtt_wills_published_total", "", 0)
	})
}

// TestSuperuser is not asked; a name of the Verdict counts.
func TestSuperuser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		access := &fakeAccess{deny: true, verdict: Verdict{Allow: true, Superuser: true, Username: "root"}}
		f := onPipe(t, Limits{}, func(o *Options) { o.Authenticator, o.Authorizer = access, access })
		p := f.clean5("p")
		p.subscribe("t", 1)
		p.send(p.as(publish("t", "x")))
		p.want(p.as(publish("t", "x")))
		if len(access.asked) != 0 || f.broker.Clients()[0].Username != "root" {
			t.Error(access.asked, f.broker.Clients())
		}
	})
}

// TestPanickingLogin costs the connection and gives the turn back.
func TestPanickingLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{MaxLogins: 1}, func(o *Options) { o.Authenticator = panicky{} })
		for range 3 {
			p := f.open5()
			p.send(packet.Connect{Version: 5, CleanStart: true})
			p.wantClosed()
		}
		synctest.Wait()
		f.wantClosed("internal_error", 3)
		f.wantCount("mqtt_panics_total", "", 3)
	})
}

type panicky struct{}

func (panicky) Authenticate(context.Context, Login) Verdict { panic("a bug") }

// steps is a method of enhanced authentication that asks for the words of a
// list, one after the other.
type steps []string

func (s steps) Begin(Login) AuthExchange { return &stepping{left: s} }

type stepping struct{ left []string }

func (s *stepping) Next(_ context.Context, data []byte) AuthStep {
	if string(data) != s.left[0] {
		return AuthStep{Verdict: Verdict{Reason: packet.NotAuthorized}}
	}
	if s.left = s.left[1:]; len(s.left) == 0 {
		return AuthStep{Data: []byte("welcome"), Verdict: Verdict{Allow: true, Username: "stepper"}}
	}
	return AuthStep{More: true, Data: []byte("next")}
}

var _ AuthMethod = steps(nil)

func auth(reason packet.Reason, method, data string) packet.Auth {
	return packet.Auth{Version: packet.Version5, Reason: reason, Method: &method, Data: []byte(data)}
}

// TestEnhanced [MQTT 5.0, 4.12]: an exchange, and a second one on the way.
func TestEnhanced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := onPipe(t, Limits{}, func(o *Options) { o.AuthMethods = map[string]AuthMethod{"m": steps{"a", "b", "c"}} })
		p := f.open5()
		p.send(packet.Connect{Version: 5, ClientID: "x", CleanStart: true, AuthMethod: ptr("m"), AuthData: []byte("a")})
		p.want(auth(packet.ContinueAuthentication, "m", "next"))
		p.send(auth(packet.ContinueAuthentication, "m", "b"))
		p.want(auth(packet.ContinueAuthentication, "m", "next"))
		p.send(auth(packet.ContinueAuthentication, "m", "c"))
		got := p.connack()
		if got.Code != 0 || *got.AuthMethod != "m" || string(got.AuthData) != "welcome" {
			t.Errorf("%+v", got)
		}
		p.subscribe("t", 0)
		p.send(auth(packet.ReAuthenticate, "m", "a"))
		p.want(auth(packet.ContinueAuthentication, "m", "next"))
		p.send(p.as(publish("t", "meanwhile")), auth(packet.ContinueAuthentication, "m", "b"))
		p.want(p.as(publish("t", "meanwhile")), auth(packet.ContinueAuthentication, "m", "next"))
		p.send(auth(packet.ContinueAuthentication, "m", "c"))
		p.want(auth(packet.Success, "m", "welcome"))
		if f.broker.Clients()[0].Username != "stepper" {
			t.Error(f.broker.Clients())
		}
	})
}

// TestEnhancedRefused lists exchanges that end in a refusal.
func TestEnhancedRefused(t *testing.T) {
	hello := packet.Connect{Version: 5, ClientID: "x", CleanStart: true, AuthMethod: ptr("m"), AuthData: []byte("a")}
	wrong := hello
	wrong.AuthData = []byte("z")
	other := hello
	other.AuthMethod = ptr("other")
	for _, c := range []struct {
		name    string
		connect packet.Connect
		then    appender // after the first AUTH of the broker
		code    packet.Reason
		bye     packet.Reason // instead, after the CONNACK
	}{
		{"wrong at once", wrong, nil, packet.NotAuthorized, 0},
		{"unknown method", other, nil, packet.BadAuthenticationMethod, 0},
		{"wrong later", hello, auth(packet.ContinueAuthentication, "m", "z"), packet.NotAuthorized, 0},
		{"another method", hello, auth(packet.ContinueAuthentication, "n", "b"), packet.ProtocolError, 0},
		{"another packet", hello, empty(packet.TypePingreq), packet.ProtocolError, 0},
		{"another begin", hello, auth(packet.ReAuthenticate, "m", "b"), packet.ProtocolError, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{}, func(o *Options) { o.AuthMethods = map[string]AuthMethod{"m": steps{"a", "b"}} })
				p := f.open5()
				p.send(c.connect)
				if c.then != nil {
					p.want(auth(packet.ContinueAuthentication, "m", "next"))
					p.send(c.then)
				}
				if got := p.connack(); got.Code != byte(c.code) {
					t.Errorf("code %#x", got.Code)
				}
				p.wantClosed()
			})
		})
	}
}

// TestReauthRefused [MQTT-4.12.1-2]: a re-authentication that fails ends the
// connection.
func TestReauthRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sent packet.Auth
		code packet.Reason
	}{
		"wrong":           {auth(packet.ReAuthenticate, "m", "z"), packet.NotAuthorized},
		"another method":  {auth(packet.ReAuthenticate, "n", "a"), packet.ProtocolError},
		"without a begin": {auth(packet.ContinueAuthentication, "m", "a"), packet.ProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := onPipe(t, Limits{}, func(o *Options) { o.AuthMethods = map[string]AuthMethod{"m": steps{"a"}} })
				p, _ := f.connect5(packet.Connect{ClientID: "x", AuthMethod: ptr("m"), AuthData: []byte("a")})
				p.send(c.sent)
				p.wantBye(c.code)
			})
		})
	}
}

// TestEndlessExchange is ended.
func TestEndlessExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := make(steps, 100)
		for i := range words {
			words[i] = "a"
		}
		f := onPipe(t, Limits{}, func(o *Options) { o.AuthMethods = map[string]AuthMethod{"m": words} })
		p := f.open5()
		p.send(packet.Connect{Version: 5, ClientID: "x", CleanStart: true, AuthMethod: ptr("m"), AuthData: []byte("a")})
		for range maxAuthRounds {
			p.want(auth(packet.ContinueAuthentication, "m", "next"))
			p.send(auth(packet.ContinueAuthentication, "m", "a"))
		}
		if got := p.connack(); got.Code != byte(packet.NotAuthorized) {
			t.Errorf("%+v", got)
		}
	})
}
