package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/muster-mqtt/muster/discovery"
)

// Bounds of an entry; anybody with the right to write may have put it there.
const (
	maxEntry      = 64 << 10 // bytes
	maxName       = 255      // bytes, as for every node name
	maxUID        = 64       // bytes
	maxHost       = 253      // bytes, RFC 1035
	maxEndpoints  = 64
	maxAttributes = 32
)

// space is where a cluster keeps its keys.
type space struct{ prefix, cluster string }

// root of a cluster ends in a slash, so that no cluster's keys are within
// those of another; one segment holds the name whatever it is made of.
func (s space) root(cluster string) string {
	return "/" + s.prefix + "/" + url.PathEscape(cluster) + "/"
}

func (s space) nodes() string            { return s.root(s.cluster) + "nodes/" }
func (s space) node(name string) string  { return s.nodes() + name }
func (s space) claim(key string) string  { return s.root(key) + "claim" }
func (s space) nameOf(key string) string { return strings.TrimPrefix(key, s.nodes()) }

// entry is what stands under the key of a node, as JSON that an operator can
// read. Fields that it does not have are left alone, so that newer nodes may
// write more.
type entry struct {
	NodeUID     string            `json:"node_uid"`
	Name        string            `json:"name"`
	Incarnation uint64            `json:"incarnation,omitempty"`
	Role        string            `json:"role,omitempty"`
	Endpoints   []string          `json:"endpoints"`           // host:port
	Readiness   string            `json:"readiness,omitempty"` // ready, not_ready, terminating
	Attributes  map[string]string `json:"attributes,omitempty"`
}

// entryOf makes the entry of the node itself.
func entryOf(self discovery.Self) (entry, error) {
	e := entry{
		NodeUID: self.NodeUID, Name: self.Name, Incarnation: self.Incarnation, Role: self.Role,
		Endpoints: []string{}, Attributes: self.Attributes,
	}
	for _, x := range self.Endpoints {
		e.Endpoints = append(e.Endpoints, x.String())
	}
	return e, e.check()
}

// encode is the same text for the same entry, by which changes are found.
func (e entry) encode() (string, error) {
	text, err := json.Marshal(e)
	if len(text) > maxEntry {
		return "", fmt.Errorf("the node's entry has %d bytes, over %d", len(text), maxEntry)
	}
	return string(text), err
}

// decode reads what stands under a key of a node.
func decode(text []byte) (entry, error) {
	var e entry
	if len(text) > maxEntry {
		return entry{}, fmt.Errorf("%d bytes, over %d", len(text), maxEntry)
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return entry{}, errors.New("not the JSON of an entry")
	}
	return e, e.check()
}

func (e entry) check() error {
	switch {
	case !isWord(e.NodeUID, maxUID):
		return errors.New("node_uid is missing or no uid")
	case !isWord(e.Name, maxName) || strings.Contains(e.Name, "/") || !strings.Contains(e.Name, "@"):
		return errors.New("name is missing or not of the form name@host")
	case len(e.Endpoints) > maxEndpoints:
		return fmt.Errorf("%d endpoints, over %d", len(e.Endpoints), maxEndpoints)
	case len(e.Attributes) > maxAttributes:
		return fmt.Errorf("%d attributes, over %d", len(e.Attributes), maxAttributes)
	}
	if len(e.Endpoints) == 0 {
		if _, err := parseEndpoint(e.derived()); err != nil {
			return fmt.Errorf("name: %w", err)
		}
	}
	for i, text := range e.Endpoints {
		if _, err := parseEndpoint(text); err != nil {
			return fmt.Errorf("endpoints[%d]: %w", i, err)
		}
	}
	return nil
}

// isWord tells whether s is printable without spaces and of 1 to limit bytes.
func isWord(s string, limit int) bool {
	bad := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar }
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, bad)
}

// parseEndpoint reads host:port; port 0 is for the host to derive.
func parseEndpoint(text string) (discovery.Endpoint, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return discovery.Endpoint{}, errors.New("not host:port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return discovery.Endpoint{}, errors.New("the port is not a number from 0 to 65535")
	}
	ok := func(r rune) bool {
		return r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._:%", r))
	}
	if host == "" || len(host) > maxHost || strings.ContainsFunc(host, func(r rune) bool { return !ok(r) }) {
		return discovery.Endpoint{}, errors.New("the host is neither an address nor a name")
	}
	return discovery.Endpoint{Host: host, Port: uint16(n)}, nil
}

var readiness = map[string]discovery.Readiness{
	"ready": discovery.Ready, "not_ready": discovery.NotReady, "terminating": discovery.Terminating,
}

// candidate is the entry as it is reported; e was checked.
func (e entry) candidate(revision int64) discovery.Candidate {
	c := discovery.Candidate{
		ClaimedName: e.Name, NodeUID: e.NodeUID, Readiness: readiness[strings.ToLower(e.Readiness)],
		Attributes: e.Attributes, Revision: strconv.FormatInt(revision, 10),
	}
	texts := e.Endpoints
	if len(texts) == 0 {
		texts = []string{e.derived()}
	}
	for _, text := range texts {
		if x, err := parseEndpoint(text); err == nil {
			c.Endpoints = append(c.Endpoints, x)
		}
	}
	return c
}

// derived is where a node is of which only the name is known.
func (e entry) derived() string {
	_, host, _ := strings.Cut(e.Name, "@")
	return net.JoinHostPort(host, "0")
}
