package mqtt

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/mqtt/packet"
)

const (
	// linger is how long a connection that is being closed may take to get its
	// last bytes out, and then to read what the client had sent before it knew.
	linger = time.Second
	// discardLimit bounds what is read then, in bytes.
	discardLimit = 256 << 10
	// maxReasonString bounds reason strings, in bytes.
	maxReasonString = 256
)

// The ways in which a connection ends that are not errors of another room.
var (
	errDisconnect    = errors.New("the client disconnected")
	errTakenOver     = errors.New("the client ID connected elsewhere")
	errRefused       = errors.New("refused")
	errPublish       = errors.New("the message was not taken")
	errTimeout       = errors.New("no CONNECT in time")
	errQuota         = errors.New("quota exceeded")
	errReceiveMax    = errors.New("more messages in flight than the Receive Maximum allows [MQTT-3.3.4-7]")
	errAlias         = errors.New("topic alias invalid")
	errNoQoS         = errors.New("QoS not supported [MQTT-3.2.2-11]")
	errNoRetain      = errors.New("retained messages are not supported [MQTT-3.2.2-14]")
	errMethod        = errors.New("re-authentication with another method [MQTT-4.12.1-1]")
	errReplyTooLarge = errors.New("an answer is larger than the Maximum Packet Size of the client [MQTT-3.1.2-24]")
	errReauth        = errors.New("re-authentication failed")
)

// endings maps errors to the reasons that are counted and, when they are not
// about the bytes of a packet, to the code of the DISCONNECT.
var endings = []struct {
	err  error
	why  count
	code packet.Reason
}{
	{errDisconnect, endDisconnect, 0},
	{errTakenOver, endTakenOver, packet.SessionTakenOver},
	{errRefused, endRefused, 0},
	{errPublish, endPublish, packet.QuotaExceeded},
	{errTimeout, endConnectTimeout, 0},
	{errQuota, endQuota, packet.QuotaExceeded},
	{errReceiveMax, endReceiveMax, packet.ReceiveMaximumExceeded},
	{errAlias, endProtocol, packet.TopicAliasInvalid},
	{errNoQoS, endProtocol, packet.QoSNotSupported},
	{errNoRetain, endProtocol, packet.RetainNotSupported},
	{errMethod, endProtocol, packet.ProtocolError},
	{errReauth, endReauth, packet.NotAuthorized},
	{errReplyTooLarge, endTooLarge, packet.PacketTooLarge},
	{packet.ErrTooLarge, endTooLarge, packet.PacketTooLarge},
	{packet.ErrProtocol, endProtocol, 0},
	{packet.ErrMalformed, endMalformed, 0},
	{os.ErrDeadlineExceeded, endKeepAlive, packet.KeepAliveTimeout},
}

// reasonOf maps the end of the read loop to the reason that is counted.
func reasonOf(err error) count {
	for _, e := range endings {
		if errors.Is(err, e.err) {
			return e.why
		}
	}
	return endLost
}

// codeOf returns what a DISCONNECT says of err, 0 when there is to be none.
func codeOf(err error, why count) packet.Reason {
	if why == endInternal {
		return packet.UnspecifiedError
	}
	for _, e := range endings {
		if errors.Is(err, e.err) && e.code != 0 {
			return e.code
		}
	}
	if why == endProtocol || why == endMalformed {
		return packet.ReasonOf(err)
	}
	return 0
}

// textOf returns what a reason string says of err: nothing about ourselves.
func textOf(err error, why count) string {
	switch why {
	case endInternal:
		return "internal error"
	case endKeepAlive:
		return "nothing came for one and a half times the keep alive"
	}
	return err.Error()
}

// bye is how a connection is closed.
type bye struct {
	why  count
	code packet.Reason // of the DISCONNECT; 0: none
	text string        // for its reason string; may be empty
	// elsewhere says that the session goes on at another node, so that a will
	// that waits for the client is not published.
	elsewhere bool
	// half says that the client sends no more, but may still read: what is on
	// its way leaves first.
	half bool
}

// takenOver is how a connection is closed whose client has connected again,
// here or at another node.
func takenOver(elsewhere bool) bye {
	return bye{why: endTakenOver, code: packet.SessionTakenOver, text: errTakenOver.Error(), elsewhere: elsewhere}
}

// close ends the connection; the first call counts. It does not block: the
// DISCONNECT, if there is one, leaves while run comes to its end.
func (c *conn) close(b bye) {
	c.parting.Lock()
	defer c.parting.Unlock()
	if !c.ended.CompareAndSwap(uint32(none), uint32(b.why)) {
		return
	}
	c.broker.counters.add(b.why, 0, 1)
	c.moved.Store(b.elsewhere)
	c.cancel()
	if cancel := c.login.Load(); cancel != nil {
		(*cancel)()
	}
	if b.why == endWrite || b.why == endLost && !b.half {
		c.nc.Close()
		c.out.close()
		return
	}
	c.out.finish(c.disconnect(b))
	c.source.interrupt()
}

// disconnect returns the DISCONNECT that a client of 5.0 gets once it has its
// CONNACK [MQTT-3.14.0-1]; nil is none.
func (c *conn) disconnect(b bye) encoder {
	if b.code == 0 || !c.welcome.Load() || c.version != packet.Version5 {
		return nil
	}
	d := packet.Disconnect{Version: c.version, Reason: b.code}
	if c.problem && b.text != "" {
		d.ReasonString = reasonString(b.text)
	}
	if !c.fits(d) {
		d.ReasonString = "" // [MQTT-3.14.2-3]
	}
	return d // without one it is shorter than the CONNACK was
}

// reasonString makes text fit for a packet [MQTT-1.5.4-1, 1.5.4-2].
func reasonString(text string) string {
	text = strings.ReplaceAll(text[:min(len(text), maxReasonString)], "\x00", "")
	return strings.ToValidUTF8(text, "")
}

// hangUp lets what is left in the outbox leave, within bounds, and closes.
func (c *conn) hangUp() {
	cut := time.AfterFunc(linger, func() { c.nc.Close() })
	defer cut.Stop()
	c.parting.Lock() // the reader may have seen ended before close was done
	c.out.finish(nil)
	c.parting.Unlock()
	c.out.flushes.Wait()
	c.drainInput()
	c.nc.Close()
	c.out.close()
}

// drainInput reads what the client had sent before it saw the end: a socket
// that is closed with bytes unread is reset, and the reset may overtake what
// was sent last.
func (c *conn) drainInput() {
	half, ok := c.nc.(halfCloser)
	if !ok || c.ended.Load() == uint32(endDisconnect) || half.CloseWrite() != nil {
		return
	}
	if c.nc.SetReadDeadline(time.Now().Add(linger)) == nil {
		_, _ = io.CopyN(io.Discard, c.nc, discardLimit)
	}
}

// halfCloser is a connection that can end one direction, as TCP can.
type halfCloser interface{ CloseWrite() error }

var _ halfCloser = (*net.TCPConn)(nil)
