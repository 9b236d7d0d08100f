//go:build linux

package durable

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

// small is a program that runs another one on a disk of its own of 8 MB: a
// tmpfs on the directory, in a mount namespace that ends with the process.
func small(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := fmt.Sprintf("unshare -Urm sh -c 'mount -t tmpfs -o size=8m,mode=700 tmpfs \"$0\" && exec \"$@\"' %s", dir)
	if text, err := exec.Command("sh", "-c", mount+" true").CombinedOutput(); err != nil {
		t.Skipf("skip: this system lets nobody mount a small disk: %v %s", err, text)
	}
	script := dir + ".sh"
	if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec %s %s \"$@\"\n", mount, program), 0o700); err != nil {
		t.Fatal(err)
	}
	return script
}

// eventually waits for a state of another process, which has no event to wait
// for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := after(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// TestFullDisk: while the disk is full nothing is acknowledged that could be
// lost, the log says so once, and who needs no disk is served; when there is
// room again everything goes on, and everything is there.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	a := newAccount(t, small(t, dir), dir)
	inside, filler, pub := a.fill(dir)
	a.serves()
	if text := a.readiness(inside); !strings.Contains(text, complaint) {
		t.Errorf("/health/ready says %q", text)
	}
	acked := a.pub.lastAcked(func(uint64) bool { return true })
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool { return a.pub.lastAcked(func(uint64) bool { return true }) > acked })
	a.pub.stop()
	if err := <-pub; err != nil {
		t.Errorf("the publisher: %v", err)
	}
	if n := strings.Count(a.node.Log(), complaint); n != 1 || !strings.Contains(a.node.Log(), "no space left on device") {
		t.Errorf("it complained %d times:\n%s", n, a.node.Log())
	}
	a.copied(inside)
	sub := make(chan error, 1)
	go func() { sub <- a.sub.run(func() {}) }()
	a.sub.until(t, "everything has come", func() bool { return len(a.missing()) == 0 })
	a.balance()
	if err := a.node.Stop(); err != nil {
		t.Error(err)
	}
	<-sub
}

// complaint is what the log says of a disk that is full.
const complaint = "the journal cannot be written"

// fill publishes until the disk is full. It returns the directory as it can be
// seen from here, a file whose removal makes room, and what becomes of the
// publisher.
func (a *account) fill(dir string) (inside, filler string, pub <-chan error) {
	a.Helper()
	inside = fmt.Sprintf("/proc/%d/root%s", a.node.PID(), dir)
	filler = filepath.Join(inside, "filler")
	if err := os.WriteFile(filler, make([]byte, 6<<20), 0o600); err != nil {
		a.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.pub.run(func() {}) }()
	eventually(a.T, "the node complains", func() bool { return strings.Contains(a.node.Log(), complaint) })
	return inside, filler, done
}

// TestStopWhileFull: a full disk does not keep a node from stopping. It says
// what it could not write, all of which nobody had been promised.
func TestStopWhileFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	a := newAccount(t, small(t, dir), dir)
	_, _, pub := a.fill(dir)
	a.ended = true
	begin := time.Now()
	err := a.node.Stop()
	if err == nil || !strings.Contains(err.Error(), "records could not be written") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("it ended so: %v", err)
	}
	if d := time.Since(begin); d > patience/2 {
		t.Errorf("it took %s", d)
	}
	<-pub
}

// serves checks that a message of QoS 0 passes.
func (a *account) serves() {
	a.Helper()
	w, _, err := dialClean(a.node.MQTT, "needs no disk")
	if err != nil {
		a.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(append(subscribe(1, "plain"), framed(tPublish, append(text(nil, "plain"), "hello"...))...)); err != nil {
		a.Fatal(err)
	}
	for {
		first, body, err := w.next()
		if err != nil {
			a.Fatal(err)
		}
		if first&0xf0 == tPublish {
			if !bytes.HasSuffix(body, []byte("hello")) {
				a.Errorf("got %q", body)
			}
			return
		}
	}
}

// readiness is what the admin API says of the state of the node.
func (a *account) readiness(inside string) string {
	a.Helper()
	nc, err := net.Dial("unix", filepath.Join(inside, "muster.sock"))
	if err != nil {
		a.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("GET /health/ready HTTP/1.0\r\nHost: localhost\r\n\r\n")); err != nil {
		a.Fatal(err)
	}
	text, err := io.ReadAll(nc)
	if err != nil {
		a.Fatal(err)
	}
	return string(text)
}

// copied starts another node with what the disk has now.
func (a *account) copied(inside string) {
	a.Helper()
	dir := filepath.Join(a.TempDir(), "copy")
	if text, err := exec.Command("cp", "-r", inside, dir).CombinedOutput(); err != nil {
		a.Fatalf("%v %s", err, text)
	}
	other, err := solo.Start(program, dir, roomy)
	if err != nil {
		a.Fatal(err)
	}
	twin := newSubscriber(other.MQTT)
	sub := make(chan error, 1)
	go func() { sub <- twin.run(func() {}) }()
	twin.until(a.T, "the copy has everything", func() bool {
		for n := range a.pub.acked {
			if twin.got[n] == 0 {
				return false
			}
		}
		return true
	})
	if err := other.Stop(); err != nil {
		a.Error(err)
	}
	<-sub
}
