package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
	"github.com/muster-mqtt/muster/transport"
)

// The errors of the operator's commands that callers tell apart.
var (
	ErrAlone      = errors.New("this node is alone: there is no cluster to leave")
	ErrSameName   = errors.New("already joined")
	ErrNotFormed  = errors.New("it is in no cluster yet: try again in a moment")
	ErrLeft       = errors.New("this node left its cluster: run `muster cluster join NODE` on it first")
	ErrNoContacts = errors.New("no node was reached")
)

// addresses returns where a node may be heard: name@host[:port], host[:port].
// Without a port it is tried at 4370 + the offset of its name, or of ours for
// a bare address, then at 4370. A uid is the address of a node on NATS.
func addresses(target string, self core.NodeID) ([]string, error) {
	if named(target) {
		return []string{target}, nil
	}
	id, offset := core.NodeID(target), self.PortOffset()
	host := target
	if strings.Contains(target, "@") {
		_, host, _ = strings.Cut(target, "@")
		offset = id.PortOffset()
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		return []string{net.JoinHostPort(h, p)}, nil
	}
	host = strings.Trim(host, "[]")
	if _, err := netip.ParseAddr(host); host == "" || err != nil && strings.Contains(host, ":") {
		return nil, fmt.Errorf("%q is no address: give name@host[:port] or host[:port]", target)
	}
	out := []string{net.JoinHostPort(host, strconv.Itoa(core.BasePort+offset))}
	if offset != 0 {
		out = append(out, net.JoinHostPort(host, strconv.Itoa(core.BasePort)))
	}
	return out, nil
}

// named reports whether an operator names a node by its uid.
func named(target string) bool {
	_, err := core.ParseUID(target)
	return err == nil
}

// addresses is where a target may be heard by the node's own way of finding
// ports. With a port mapper, what has no port is left to the transport:
// name@host, or @host where no name is known.
func (o Options) addresses(target string) ([]string, error) {
	out, err := addresses(target, o.Saved.Name)
	if err != nil || !o.PortMapper || named(target) {
		return out, err
	}
	name, host, whole := strings.Cut(target, "@")
	if !whole {
		name, host = "", target
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return out, nil
	}
	return []string{name + "@" + strings.Trim(host, "[]")}, nil
}

// ask probes the addresses of a target and returns the first answer.
func (n *Node) ask(target string, why intent) (addr string, a answer, err error) {
	addrs, err := n.opts.addresses(target)
	if err != nil {
		return "", a, err
	}
	addr, a, err = n.tryAll(addrs, why)
	if err == nil || isSelf(err) {
		return addr, a, err
	}
	text := oneLine(explain(addr, err))
	if !strings.Contains(text, target) {
		text = target + ": " + text
	}
	return addr, a, errors.New(text)
}

// explain says in an operator's words why an address did not answer.
func explain(addr string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("the name %s does not resolve: %s", dns.Name, dns.Err)
	case errors.Is(err, transport.ErrRefused):
		return fmt.Errorf("%s refused the connection: is the node running, and is that its cluster port?", addr)
	case errors.Is(err, transport.ErrUntrusted):
		return err
	case refusalCode(err) == wire.RefuseProof:
		return &explained{err: err, text: addr + " has another cookie: give both nodes the same node.cookie"}
	case errors.Is(err, transport.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer in time", addr)
	case errors.Is(err, transport.ErrFrameTooLong), errors.Is(err, wire.ErrMalformed), errors.Is(err, transport.ErrClosed):
		return fmt.Errorf("%s answers, but not as a node of muster: is that its cluster port?", addr)
	}
	return err
}

// explained is an error in an operator's words.
type explained struct {
	err  error
	text string
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Join makes the local node, and it alone, a member of the cluster that
// target is in; it leaves its own first. Its clients stay connected. The
// error says what kept it out and what to do.
func (n *Node) Join(_ context.Context, target string) error {
	if target == string(n.opts.Saved.Name) {
		return fmt.Errorf("%w: %s is this node", ErrSameName, target)
	}
	addr, a, err := n.ask(target, intent{probe: true, operator: true})
	switch {
	case isSelf(err):
		return fmt.Errorf("%w: %s is this node", ErrSameName, target)
	case err != nil:
		return err
	case a.welcome.Cluster.IsZero():
		return fmt.Errorf("%s: %w", target, ErrNotFormed)
	}
	if err := n.leaveForJoin(target, a); err != nil {
		return err
	}
	defer n.letForm()
	_, err = n.connect(addr, intent{operator: true})
	if err != nil && n.Cluster().UID != a.welcome.Cluster.UID { // another member may have been faster
		n.wish(addr, a)
		return fmt.Errorf("%s: %s: tries again for %s", target, oneLine(explain(addr, err)), n.opts.Form.After)
	}
	return n.save()
}

// leaveForJoin gives our own cluster up before we enter another.
func (n *Node) leaveForJoin(target string, a answer) error {
	n.mu.Lock()
	defer n.release()
	if a.welcome.Cluster.UID == n.cluster.UID && !n.left {
		return fmt.Errorf("%w: %s is in this node's cluster", ErrSameName, target)
	}
	n.broadcast(wire.Bye{Incarnation: n.opts.Saved.Incarnation, Kind: membership.ByeLeave})
	n.cluster, n.merged, n.joined = core.Cluster{}, nil, 0
	n.setLeft(false)
	n.members.Clear(n.record())
	n.form.held = true
	return nil
}

// wish keeps what an operator asked for when the join itself failed: this node
// alone is to enter the cluster of the node that answered, and no other.
func (n *Node) wish(addr string, a answer) {
	n.mu.Lock()
	defer n.release()
	n.form.search.Want(n.now(), a.welcome.Cluster.UID, addr)
}

// letForm lets the node decide again by itself.
func (n *Node) letForm() {
	n.mu.Lock()
	n.form.held = false
	n.form.poke()
	n.release()
}

// Merge joins the whole cluster of the local node with those met at the
// addresses; nobody leaves. It returns how many nodes were reached.
func (n *Node) Merge(_ context.Context, targets []string) (int, error) {
	n.mu.Lock()
	left := n.left
	n.mu.Unlock()
	if left {
		return 0, ErrLeft
	}
	met := 0
	var failed error
	for _, t := range targets {
		switch err := n.mergeWith(t); {
		case err == nil:
			met++
		case !isSelf(err):
			failed = errors.Join(failed, err)
		}
	}
	if met == 0 {
		if failed == nil {
			failed = errors.New("the addresses are those of this node")
		}
		return 0, fmt.Errorf("%w: %s", ErrNoContacts, oneLine(failed))
	}
	return met, n.save()
}

// mergeWith merges with the cluster of one target. Another link to the same
// node may be faster than ours; what counts is that it is a member then.
func (n *Node) mergeWith(target string) error {
	addr, _, err := n.ask(target, intent{probe: true})
	if err != nil {
		return err
	}
	if _, err = n.connect(addr, intent{merge: true}); err == nil {
		return nil
	}
	again, probeErr := n.connect(addr, intent{probe: true})
	if probeErr == nil && again.welcome.Cluster.UID == n.Cluster().UID {
		return nil
	}
	return explain(addr, err)
}

// Leave gives the membership up. The node stays out, also after a restart,
// until an operator lets it join again.
func (n *Node) Leave(context.Context) error {
	n.mu.Lock()
	if len(n.members.Members()) < 2 {
		n.release()
		return ErrAlone
	}
	n.broadcast(wire.Bye{Incarnation: n.opts.Saved.Incarnation, Kind: membership.ByeLeave})
	n.standAlone()
	n.release()
	return n.save()
}

// ForceLeave removes another member, running or stopped, and fences its uid
// until an operator runs `muster cluster join` on it.
func (n *Node) ForceLeave(_ context.Context, name core.NodeID) error {
	n.mu.Lock()
	err := n.members.Remove(n.now(), n.stamp(), name)
	n.release()
	if err != nil {
		return err
	}
	return n.save()
}

// Cluster returns the cluster that the node is in; zero while it is in none.
func (n *Node) Cluster() core.Cluster {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster
}

// Members returns every member as this node sees it, sorted by name.
func (n *Node) Members() []core.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.Members()
}

// SetAutoclean changes how long a member is down before it is forgotten
// (cluster.autoclean); 0 = never.
func (n *Node) SetAutoclean(d time.Duration) {
	n.mu.Lock()
	defer n.release()
	n.members.SetAutoclean(d)
}
