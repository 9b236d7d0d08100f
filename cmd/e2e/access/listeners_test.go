package access

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// secure is a node with every kind of listener.
type secure struct {
	*site
	ca       *authority
	ssl, wss string
	sslPort  string
}

func startSecure(t *testing.T) *secure {
	t.Helper()
	x := &secure{ca: newAuthority(t), ssl: free(t), wss: free(t)}
	cert, key := x.ca.pair("one")
	_, x.sslPort, _ = net.SplitHostPort(x.ssl)
	x.site = start(t, fmt.Sprintf(`
		authentication.users_file = "DIR/users"
		authorization.rules = ["allow user alice all own/%%u/#", "allow user bob", "deny all"]
		listeners.ssl.default { bind = %q, peer_cert_as_username = cn
			ssl_options { certfile = "DIR/cert.pem", keyfile = "DIR/key.pem", cacertfile = "DIR/ca.pem", verify = verify_peer } }
		listeners.ssl.strict { bind = "0.0.0.0:0"
			ssl_options { certfile = "DIR/cert.pem", keyfile = "DIR/key.pem", cacertfile = "DIR/ca.pem", verify = verify_peer, fail_if_no_peer_cert = true } }
		listeners.ssl.bare { bind = "0.0.0.0:8899" }
		listeners.wss.default { bind = %q, ssl_options { certfile = "DIR/cert.pem", keyfile = "DIR/key.pem" } }`, x.ssl, x.wss),
		map[string]string{"users": "alice:-\n", "cert.pem": cert, "key.pem": key, "ca.pem": x.ca.pem})
	x.muster("pw", "users", "add", x.path("users"), "bob", "--password-file", "-")
	x.reload(done)
	return x
}

func (x *secure) dial(c *tls.Config) (net.Conn, error) { return tls.Dial("tcp", x.ssl, c) }

// TestTLS: a certificate of the authority is a login by its name, a password
// another one, and neither is refused.
func TestTLS(t *testing.T) {
	x := startSecure(t)
	login := func(cn, user, password string) (*client, byte) {
		t.Helper()
		c, err := x.dial(x.ca.config(cn))
		if err != nil {
			t.Fatal(err)
		}
		return connect(t, c, "c-"+cn+user, user, password)
	}
	alice, code := login("alice", "", "")
	if code != 0 {
		t.Fatalf("the certificate of alice: 0x%02x", code)
	}
	alice.passes("own/alice/x")
	if code := alice.pub("other", "x"); code != notAuthorized {
		t.Errorf("alice may publish anything: 0x%02x", code)
	}
	if posing, code := login("alice", "bob", "pw"); code != 0 || posing.pub("own/bob", "x") != notAuthorized {
		t.Errorf("a certificate and another name: 0x%02x", code)
	}
	if bob, code := login("", "bob", "pw"); code != 0 {
		t.Errorf("bob by password: 0x%02x", code)
	} else {
		bob.passes("any")
	}
	for _, c := range [][2]string{{"", ""}, {"bob", "wrong"}} {
		if _, code := login("", c[0], c[1]); code == 0 {
			t.Errorf("%q is in without a certificate", c)
		}
	}
	if !strings.Contains(x.Log(), "0.0.0.0:8899 (set listeners.ssl.bare.ssl_options.certfile and keyfile)") {
		t.Errorf("the log does not name the closed listener:\n%s", x.Log())
	}
}

// TestForeignCertificates are refused in the handshake, and cost nobody else.
func TestForeignCertificates(t *testing.T) {
	x := startSecure(t)
	theirs := newAuthority(t).config("alice").Certificates[0]
	foreign := x.ca.config("")
	foreign.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &theirs, nil }
	old := x.ca.config("alice")
	old.MaxVersion = tls.VersionTLS11
	for name, c := range map[string]*tls.Config{"foreign": foreign, "TLS 1.1": old} {
		if nc, err := x.dial(c); err == nil {
			if _, err = nc.Read(make([]byte, 1)); err == nil { // TLS 1.3 tells the client afterwards
				t.Errorf("%s: not refused", name)
			}
			_ = nc.Close()
		}
	}
	x.until("both are counted", func() bool { return strings.Contains(x.metrics(), `mqtt_handshakes_failed_total{reason="tls"} 2`) })
}

// TestCertificateIsReplaced while clients are connected.
func TestCertificateIsReplaced(t *testing.T) {
	x := startSecure(t)
	shown := func() (*tls.Conn, string) {
		t.Helper()
		c, err := tls.Dial("tcp", x.ssl, x.ca.config("alice"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c, c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	c, name := shown()
	alice, code := connect(t, c, "alice", "", "")
	if name != "one" || code != 0 {
		t.Fatal(name, code)
	}
	cert, key := x.ca.pair("two")
	x.write("cert.pem", cert)
	x.reload("the certificates of a listener were not read again") // as the key is another one
	if _, name := shown(); name != "one" {
		t.Error(name)
	}
	x.write("key.pem", key)
	x.reload(done)
	x.until("the new certificate is shown", func() bool { _, name := shown(); return name == "two" })
	alice.passes("own/alice/x")
}

// urls are those of the listeners for WebSocket.
func (x *secure) urls() []string {
	return []string{"ws://" + x.WebSocket + "/mqtt", "wss://" + x.wss + "/mqtt"}
}

func (x *secure) webSocket(url string) net.Conn {
	x.t.Helper()
	tr := &http.Transport{TLSClientConfig: x.ca.config("")}
	x.t.Cleanup(tr.CloseIdleConnections)
	ws, _, err := websocket.Dial(x.t.Context(), url, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		x.t.Fatal(err)
	}
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
}

// TestTakeover: an idle connection of any kind is told that its client has
// connected again [MQTT-3.1.4-3], and why nothing more comes.
func TestTakeover(t *testing.T) {
	x := startSecure(t)
	dials := map[string]func() net.Conn{
		"tcp": func() net.Conn { return dial(t, x.MQTT) },
		"ssl": func() net.Conn {
			c, err := x.dial(x.ca.config(""))
			x.ca.must(err)
			return c
		},
	}
	for _, url := range x.urls() {
		dials[url] = func() net.Conn { return x.webSocket(url) }
	}
	for name, again := range dials {
		var last *client
		for i := range 5 {
			c, code := connect(t, again(), name, "bob", "pw")
			if code != 0 {
				t.Fatalf("%s: 0x%02x", name, code)
			}
			if i > 0 {
				select {
				case code := <-last.bye:
					if code != takenOver {
						t.Errorf("%s: DISCONNECT 0x%02x", name, code)
					}
				case <-time.After(within):
					t.Errorf("%s: the first connection was not told", name)
				}
			}
			last = c
		}
		last.passes("t")
	}
}

// TestWebSocket: MQTT over both kinds, by a library that is not ours.
func TestWebSocket(t *testing.T) {
	x := startSecure(t)
	for _, url := range x.urls() {
		c, code := connect(t, x.webSocket(url), "c", "bob", "pw")
		if code != 0 {
			t.Fatalf("%s: 0x%02x", url, code)
		}
		c.passes("t")
		if code := c.pub("t", strings.Repeat("x", 200_000)); code != 0 {
			t.Errorf("%s: a large message: 0x%02x", url, code)
		}
		c.next("t=" + strings.Repeat("x", 200_000))
	}
}

// TestOtherWebSocket: by another library, in MQTT 3.1.1.
func TestOtherWebSocket(t *testing.T) {
	x := startSecure(t)
	for _, url := range x.urls() {
		got := make(chan string, 1)
		o := mqtt.NewClientOptions().AddBroker(url).SetClientID("c").SetUsername("bob").SetPassword("pw").SetTLSConfig(x.ca.config("")).
			SetAutoReconnect(false).SetConnectTimeout(within)
		c := mqtt.NewClient(o)
		do := func(k mqtt.Token) {
			t.Helper()
			if !k.WaitTimeout(within) || k.Error() != nil {
				t.Fatal(url, k.Error())
			}
		}
		do(c.Connect())
		do(c.Subscribe("t", 2, func(_ mqtt.Client, m mqtt.Message) { got <- string(m.Payload()) }))
		payload := strings.Repeat("x", 70_000)
		do(c.Publish("t", 2, false, payload))
		select {
		case text := <-got:
			if text != payload {
				t.Errorf("%s: %d bytes came back", url, len(text))
			}
		case <-time.After(within):
			t.Errorf("%s: nothing came back", url)
		}
		c.Disconnect(100)
	}
}

// TestMosquitto: the programs that operators use, with a certificate and with
// a password.
func TestMosquitto(t *testing.T) {
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		t.Skip("skip: mosquitto_pub is not installed (.ci/install does)")
	}
	x := startSecure(t)
	cert, key := x.ca.pair("alice")
	x.write("alice.pem", cert)
	x.write("alice.key", key)
	alice := []string{"--cert", x.path("alice.pem"), "--key", x.path("alice.key")}
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"certificate", append([]string{"-t", "own/alice/x"}, alice...), true},
		{"password", []string{"-t", "any", "-u", "bob", "-P", "pw"}, true},
		{"wrong password", []string{"-t", "any", "-u", "bob", "-P", "wrong"}, false},
		{"nothing", []string{"-t", "any"}, false},
	} {
		args := append([]string{"-h", "127.0.0.1", "-p", x.sslPort, "--cafile", x.path("ca.pem"), "-q", "1", "-m", "x"}, c.args...)
		out, err := exec.CommandContext(t.Context(), "mosquitto_pub", args...).CombinedOutput()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v %s", c.name, err, out)
		}
	}
}
