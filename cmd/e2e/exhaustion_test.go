package e2e

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// crowd opens connections to a port; what cannot be opened is
// left out.
func crowd(t *testing.T, port, size int) (open []net.Conn) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: mallory}}
	for range size {
		if c, err := dialer.Dial("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			open = append(open, c)
		}
	}
	t.Cleanup(func() { disperse(open) })
	return open
}

func disperse(open []net.Conn) {
	for _, c := range open {
		_ = c.Close()
	}
}

// A listener that is full closes what comes on top, counts it, serves those
// who are in, and has room again when some have gone.
func TestFullListener(t *testing.T) {
	const most, more = 40, 200
	n := newNodes(t, 1, fmt.Sprintf("listeners.tcp.default.max_connections = %d\nmqtt.idle_timeout = 1m", most))[0]
	n.start()
	n.waitReady()
	c := n.connect("inside").sub("x")
	open := crowd(t, n.mqtt, more)
	until(t, patience, "the rest is refused", func() bool {
		return n.count(`mqtt_connections_refused_total{reason="max_connections"}`) == more-most+1
	})
	_ = open[more-1].SetReadDeadline(time.Now().Add(patience))
	if _, err := open[more-1].Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the last one reads %v, want the end", err)
	}
	c.pub("x", "1", 1)
	c.next("x=1")
	disperse(open)
	until(t, patience, "room again", func() bool { return n.count(`mqtt_connections_closed_total{reason="connection_lost"}`) >= most-1 })
	n.connect("inside again")
	if lines := n.logged("listener is full"); len(lines) == 0 || len(lines) > 3 {
		t.Errorf("%d lines in the log:\n%s", len(lines), n.output())
	}
}

// Silent connections to the cluster ports, from one address: a node that
// nobody looks for still gets in.
func TestSilentConnections(t *testing.T) {
	nodes := newNodes(t, 3, "cluster { discovery_strategy = manual }")
	for _, n := range nodes {
		n.start()
		n.waitReady()
	}
	nodes[1].muster("cluster", "join", fmt.Sprint("127.0.0.1:", nodes[0].port))
	before := nodes[0].descriptors()
	var all []net.Conn
	for _, n := range nodes[:2] {
		all = append(all, crowd(t, n.port, 400)...)
	}
	for _, addr := range []int{nodes[0].port, nodes[1].port} {
		begin := time.Now()
		nodes[2].muster("cluster", "join", fmt.Sprint("127.0.0.1:", addr))
		t.Logf("joined in %s", time.Since(begin))
		one(t, nodes, nil)
		nodes[2].muster("cluster", "leave")
		one(t, nodes[:2], nil)
	}
	newSteady(nodes[:2]).publish(5)
	if now := nodes[0].descriptors(); now > before+350 {
		t.Errorf("%d descriptors, %d before", now, before)
	}
	disperse(all)
	until(t, patience, "the descriptors are closed", func() bool { return nodes[0].descriptors() <= before+20 })
	if n := nodes[0].count("cluster_connections_refused_total") + nodes[0].count("hellos_refused_total"); n < 100 {
		t.Errorf("%v were counted", n)
	}
}

// A node that runs out of descriptors goes on with what it has, says so
// without a flood, and takes clients again when there is room.
func TestOutOfDescriptors(t *testing.T) {
	nodes := newNodes(t, 2, "mqtt.idle_timeout = 1m")
	nodes[0].files = 96
	for _, n := range nodes {
		n.start()
	}
	one(t, nodes, nil)
	sub, pub := nodes[0].connect("in before").sub("x"), nodes[1].connect("elsewhere")
	full, err := net.Dial("unix", nodes[0].dir+"/muster.sock") // an admin connection that is there already
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	open := crowd(t, nodes[0].mqtt, 150)
	until(t, patience, "the node is full", func() bool { return nodes[0].descriptors() >= 96 })
	pid := nodes[0].cmd.Process.Pid
	for i := range 20 {
		pub.pub("x", fmt.Sprint(i), 1)
		sub.next(fmt.Sprint("x=", i))
	}
	disperse(open)
	until(t, patience, "the node has room again", func() bool { return nodes[0].descriptors() < 60 })
	nodes[0].connect("in after").sub("y")
	pub.pub("y", "1", 1)
	one(t, nodes, nil)
	if nodes[0].cmd.Process.Pid != pid || !runs(pid) {
		t.Error("the node is another process")
	}
	if nodes[0].count("mqtt_accept_errors_total") == 0 {
		t.Error("the lack was not counted")
	}
	if size := len(nodes[0].output()); size > 64<<10 {
		t.Errorf("%d bytes were logged", size)
	}
}
