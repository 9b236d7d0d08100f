package listen

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// WebSocket are the options of a listener over WebSocket (RFC 6455). The
// origin of a page that connects is not looked at: an MQTT client has to say
// who it is, and a browser adds nothing to a request by itself that would say
// it for the user.
type WebSocket struct {
	Path string // that is asked for; "" is /mqtt
	// MaxFrame is the largest frame of a client in bytes; 0 is 16 MiB. A
	// packet may span frames, and its size is bounded elsewhere.
	MaxFrame int
}

func (w *WebSocket) maxFrame() uint64 { return uint64(cmp.Or(w.MaxFrame, 16<<20)) }

// maxRequest is the largest request in bytes.
const maxRequest = 16 << 10

// subprotocol is what a client must offer [MQTT-6.0.0-3], and gets
// [MQTT-6.0.0-4].
const subprotocol = "mqtt"

// refusal is an answer that refuses an upgrade.
type refusal struct {
	status int
	why    string
	header string // more of the answer, a line or none
}

// Error implements error.
func (r *refusal) Error() string { return r.why }

var _ error = (*refusal)(nil)

// upgrade answers the request of a client, and returns what came after it.
func (w *WebSocket) upgrade(c net.Conn) (rest []byte, err error) {
	limit := &io.LimitedReader{R: c, N: maxRequest}
	in := bufio.NewReaderSize(limit, 1<<10)
	req, err := http.ReadRequest(in)
	if err == nil {
		err = w.check(req)
	} else if limit.N == 0 {
		err = &refusal{status: http.StatusRequestHeaderFieldsTooLarge, why: fmt.Sprintf("the request is over %d bytes", maxRequest)}
	} else if !timedOut(err) && !errors.Is(err, io.EOF) {
		err = &refusal{status: http.StatusBadRequest, why: "this is no HTTP request: " + err.Error()}
	}
	var r *refusal
	if errors.As(err, &r) {
		err = errors.Join(err, r.send(c))
	}
	if err != nil {
		return nil, err
	}
	if rest, err = in.Peek(in.Buffered()); err != nil {
		return nil, err
	}
	_, err = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: "+
		subprotocol+"\r\nSec-WebSocket-Accept: "+acceptKey(req.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
	return bytes.Clone(rest), err
}

// check returns a refusal of what is no request to speak MQTT (RFC 6455
// section 4.2.1).
func (w *WebSocket) check(r *http.Request) error {
	h := r.Header
	switch {
	case r.URL.Path != cmp.Or(w.Path, "/mqtt"):
		return &refusal{status: http.StatusNotFound, why: "there is nothing here; MQTT is at " + cmp.Or(w.Path, "/mqtt")}
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return &refusal{status: http.StatusBadRequest, why: "expected a GET of HTTP/1.1 without a body"}
	case !slices.Contains(tokens(h, "Connection"), "upgrade") || !slices.Contains(tokens(h, "Upgrade"), "websocket"):
		return &refusal{status: http.StatusUpgradeRequired, why: "expected a WebSocket handshake", header: "Upgrade: websocket\r\n"}
	case h.Get("Sec-WebSocket-Version") != "13":
		return &refusal{status: http.StatusUpgradeRequired, why: "expected version 13 of WebSocket", header: "Sec-WebSocket-Version: 13\r\n"}
	case !isKey(h.Values("Sec-WebSocket-Key")):
		return &refusal{status: http.StatusBadRequest, why: "expected a Sec-WebSocket-Key of 16 bytes"}
	case !slices.Contains(tokens(h, "Sec-WebSocket-Protocol"), subprotocol):
		return &refusal{status: http.StatusBadRequest, why: "expected the subprotocol mqtt [MQTT-6.0.0-3]"}
	}
	return nil
}

// tokens splits the values of a header at commas, in lower case.
func tokens(h http.Header, name string) (out []string) {
	for _, v := range h.Values(name) {
		for t := range strings.SplitSeq(v, ",") {
			out = append(out, strings.ToLower(strings.TrimSpace(t)))
		}
	}
	return out
}

func isKey(values []string) bool {
	if len(values) != 1 {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(values[0]))
	return err == nil && len(b) == 16
}

// acceptKey proves that the request was read (RFC 6455 section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// send tells the client why it is refused.
func (r *refusal) send(w io.Writer) error {
	_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s\n",
		r.status, http.StatusText(r.status), len(r.why)+1, r.header, r.why)
	return err
}
