package clauses

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// scene is one scenario; its name is that of a subtest, which the tables of
// the documentation name.
type scene struct {
	name string
	run  func(*play)
}

var both, only3, only5 = []byte{v3, v5}, []byte{v3}, []byte{v5}

// cast is which scenes are played in which versions.
type cast struct {
	versions []byte
	scenes   []scene
}

// act plays scenes in each version against the shared node, side by side.
func act(t *testing.T, versions []byte, scenes ...scene) {
	actOn(t, []*solo.Node{shared(t)}, cast{versions, scenes})
}

// actOn plays casts against nodes of one's own, to which the connections of a
// scene go in turn.
func actOn(t *testing.T, nodes []*solo.Node, casts ...cast) {
	for _, v := range both {
		t.Run(version(v), func(t *testing.T) {
			for _, c := range casts {
				if slices.Contains(c.versions, v) {
					perform(t, v, nodes, c.scenes)
				}
			}
		})
	}
}

func perform(t *testing.T, v byte, nodes []*solo.Node, scenes []scene) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(&play{T: t, v: v, nodes: nodes, base: fmt.Sprint("c", plays.Add(1))})
		})
	}
}

var plays atomic.Int64

// play is one scene in one version, with client IDs and topics of its own.
type play struct {
	*testing.T
	v     byte
	nodes []*solo.Node
	base  string
	dials int
	slow  map[*solo.Node]float64 // see visible
}

// node is the one that the scene has, or the first of them.
func (p *play) node() *solo.Node { return p.nodes[0] }

func (p *play) topic(s string) string { return p.base + "/" + s }
func (p *play) id(s string) string    { return p.base + s }

// peer is one connection.
type peer struct {
	*play
	v       byte
	id      string
	at      *solo.Node
	conn    net.Conn
	r       *bufio.Reader
	lastID  int
	connack packet
	joined  bool     // a CONNACK with 0 has come
	early   []packet // messages that came while an answer was awaited
}

// dial opens a connection and says nothing yet.
func (p *play) dial() *peer {
	p.Helper()
	p.dials++
	return p.dialTo(p.nodes[p.dials%len(p.nodes)])
}

func (p *play) dialTo(n *solo.Node) *peer {
	p.Helper()
	c, err := net.DialTimeout("tcp", n.MQTT, within)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = c.Close() })
	return &peer{play: p, v: p.v, at: n, conn: c, r: bufio.NewReader(c)}
}

// option changes a CONNECT.
type option func(*connect)

func with(list ...[]byte) option {
	return func(c *connect) { c.props = append(c.props, cat(list...)...) }
}
func willing(w will) option   { return func(c *connect) { c.will = &w } }
func keep(seconds int) option { return func(c *connect) { c.keep = seconds } }
func as(v byte) option        { return func(c *connect) { c.v = v } }

// lasting asks for a session that outlives the connection.
func lasting(c *connect) {
	c.clean = false
	if c.v == v5 {
		c.props = append(c.props, prop32(sessionExpiry, 3600)...)
	}
}

// ask sends a CONNECT of a clean session, as the options change it.
func (p *play) ask(name string, options ...option) *peer {
	p.Helper()
	c := connect{v: p.v, id: p.id(name), clean: true}
	for _, o := range options {
		o(&c)
	}
	return p.dial().ask(c)
}

func (x *peer) ask(c connect) *peer {
	x.Helper()
	x.v, x.id = c.v, c.id
	x.send(c.bytes())
	return x
}

// join is ask and the answer of success.
func (p *play) join(name string, options ...option) *peer {
	p.Helper()
	x := p.ask(name, options...)
	if x.connack = x.want(connackType); x.connack.reason != 0 {
		p.Fatalf("%s was refused: %s", name, x.connack)
	}
	x.joined = true
	return x
}

// resume is join that must find a session.
func (p *play) resume(name string, options ...option) *peer {
	p.Helper()
	x := p.join(name, append([]option{lasting}, options...)...)
	if !x.connack.present {
		p.Fatalf("the session of %s is gone [MQTT-3.2.2-3]", name)
	}
	return x
}

func (x *peer) send(packets ...[]byte) {
	x.Helper()
	_ = x.conn.SetWriteDeadline(time.Now().Add(within))
	if _, err := x.conn.Write(cat(packets...)); err != nil {
		x.Fatalf("%s: write: %v", x.id, err)
	}
}

// offer is send to an end that may be closed by now.
func (x *peer) offer(packets ...[]byte) {
	_ = x.conn.SetWriteDeadline(time.Now().Add(within))
	_, _ = x.conn.Write(cat(packets...))
}

// next returns the next packet.
func (x *peer) next() packet {
	x.Helper()
	p, err := x.poll(within)
	if err != nil {
		x.Fatalf("%s: %v", x.id, err)
	}
	return p
}

func (x *peer) poll(d time.Duration) (packet, error) {
	if len(x.early) > 0 {
		p := x.early[0]
		x.early = x.early[1:]
		return p, nil
	}
	_ = x.conn.SetReadDeadline(time.Now().Add(d))
	return read(x.r, x.v)
}

func (x *peer) want(typ byte) packet {
	x.Helper()
	p := x.next()
	if p.typ != typ {
		x.Fatalf("%s: got %s, want %s", x.id, p, typeName(typ))
	}
	return p
}

// wantAck is want of one with an identifier and one of the reasons, which is
// 0 when none is given.
func (x *peer) wantAck(typ byte, id int, reasons ...byte) packet {
	x.Helper()
	p := x.want(typ)
	if p.id != id {
		x.Fatalf("%s: %s, want identifier %d", x.id, p, id)
	}
	if len(reasons) == 0 {
		reasons = []byte{0, 0x10}
	}
	if x.v == v5 && !slices.Contains(reasons, p.reason) {
		x.Fatalf("%s: %s, want a reason of %x", x.id, p, reasons)
	}
	return p
}

// ends wants the connection closed by the server and nothing before, but in
// 5.0 a packet with one of the reasons: a DISCONNECT, or a CONNACK for one who
// had none yet [MQTT-4.13.1-1].
func (x *peer) ends(reasons ...byte) {
	x.Helper()
	if x.v == v5 && len(reasons) > 0 {
		typ := disconnectType
		if !x.joined {
			typ = connackType
		}
		p := x.want(typ)
		if !slices.Contains(reasons, p.reason) {
			x.Fatalf("%s: %s, want a reason of %x", x.id, p, reasons)
		}
		if why := strings.Join(p.texts(reasonString), " "); strings.Contains(why, "127.0.0.1") {
			x.Errorf("%s: the reason tells how the server is made: %q", x.id, why)
		}
	}
	x.closed()
}

// closed wants the end and nothing before.
func (x *peer) closed() {
	x.Helper()
	if p, err := x.poll(within); err == nil {
		x.Fatalf("%s: got %s, want the end of the connection", x.id, p)
	} else if !over(err) {
		x.Fatalf("%s: %v, want the end of the connection", x.id, err)
	}
}

// over reports whether an error is that of a connection that was closed
// between two packets.
func over(err error) bool {
	return err == io.EOF || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// quiet wants no packet for a time.
func (x *peer) quiet(d time.Duration) {
	x.Helper()
	if p, err := x.poll(d); !errors.Is(err, os.ErrDeadlineExceeded) {
		x.Fatalf("%s: got %s, %v, want nothing for %s", x.id, p, err, d)
	}
}

// nothing wants no answer to what was sent: a PINGREQ behind it is answered
// first.
func (x *peer) nothing() {
	x.Helper()
	x.send(pingreq)
	x.want(pingrespType)
}

// leave ends the connection in order and waits until it is gone.
func (x *peer) leave() {
	x.Helper()
	x.send(disconnect)
	x.closed()
	_ = x.conn.Close()
}

// drop ends the connection as a network does that fails.
func (x *peer) drop() {
	_ = x.conn.(*net.TCPConn).SetLinger(0)
	_ = x.conn.Close()
}

// number returns a fresh packet identifier.
func (x *peer) number() int {
	x.lastID++
	return x.lastID
}
