package epmd

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Node is one that a mapper knows.
type Node struct {
	Name string // the part before @
	Port int
	Ours bool // a node of muster; only of Lookup and of a Server
}

// record is a registration as it stands in a request and in an answer.
type record struct {
	node            Node
	kind, protocol  byte
	highest, lowest uint16
	extra           string
}

// own is how our nodes register.
func own(n Node) record {
	return record{node: n, kind: hiddenNode, protocol: overTCP, highest: highest, lowest: lowest, extra: extra}
}

func (r record) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(r.node.Port))
	dst = append(dst, r.kind, r.protocol)
	dst = binary.BigEndian.AppendUint16(dst, r.highest)
	dst = binary.BigEndian.AppendUint16(dst, r.lowest)
	dst = appendText(dst, r.node.Name)
	return appendText(dst, r.extra)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}

// parseRecord reads what append writes; later versions may add to its end.
func parseRecord(b []byte) (r record, err error) {
	if len(b) < 10 {
		return r, fmt.Errorf("%w: a record of %d bytes", ErrProtocol, len(b))
	}
	r.node.Port, r.kind, r.protocol = int(binary.BigEndian.Uint16(b)), b[2], b[3]
	r.highest, r.lowest = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	name, rest, ok := cutText(b[8:])
	if !ok || !validName(name) || r.node.Port == 0 {
		return r, fmt.Errorf("%w: name %q, port %d", ErrProtocol, name, r.node.Port)
	}
	r.node.Name = name
	if r.extra, _, ok = cutText(rest); !ok || len(r.extra) > maxExtra {
		return r, fmt.Errorf("%w: the extra field of %q", ErrProtocol, name)
	}
	r.node.Ours = r.extra == extra
	return r, nil
}

func cutText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}

// validName keeps a list of names readable, line by line.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '@' || r == 0xfffd })
}

// request frames the bytes of one request.
func request(body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...)
}

// readRequest returns the bytes of the next request.
func readRequest(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n == 0 || n > maxRequest {
		return nil, fmt.Errorf("%w: a request of %d bytes", ErrProtocol, n)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(r, body)
	return body, err
}

// parseNames reads the lines of an answer to a request for all names. Lines of
// another form are skipped.
func parseNames(text string) (out []Node) {
	for line := range strings.Lines(text) {
		var n Node
		if _, err := fmt.Sscanf(line, "name %s at port %d\n", &n.Name, &n.Port); err != nil || !validName(n.Name) || n.Port < 1 || n.Port > 65535 {
			continue
		}
		if out = append(out, n); len(out) == maxNames {
			break
		}
	}
	return out
}

func nameLine(n Node) string { return fmt.Sprintf("name %s at port %d\n", n.Name, n.Port) }
