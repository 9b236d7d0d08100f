package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/brokertest"
)

func TestMainFromReadyToResult(t *testing.T) {
	b := brokertest.Start(t, brokertest.Faults{})
	o := options(b, 1)
	subIn, subOut, subStatus := process(t, o)
	sub := bufio.NewReader(subOut)
	expectLine(t, sub, Ready)
	o.Role = Pub
	pubIn, pubOut, pubStatus := process(t, o)
	pub := bufio.NewReader(pubOut)
	expectLine(t, pub, Ready)
	fmt.Fprintln(pubIn, "go")
	var sent Sent
	var got Received
	if err := json.NewDecoder(pub).Decode(&sent); err != nil || sent.Acknowledged != 1000 {
		t.Errorf("sent %+v, %v", sent, err)
	}
	fmt.Fprintln(subIn, "drain")
	if err := json.NewDecoder(sub).Decode(&got); err != nil || got.Unique != 2000 || got.Latency.Count() != 2000 {
		t.Errorf("received %+v, %v", got.Tally, err)
	}
	go func() { _, _ = io.Copy(io.Discard, pub) }()
	go func() { _, _ = io.Copy(io.Discard, sub) }()
	if p, s := pubStatus(), subStatus(); p != 0 || s != 0 {
		t.Errorf("exit status %d and %d", p, s)
	}
}

func expectLine(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		t.Fatalf("read %q, %v; want %q", line, err, want)
	}
}

func TestMainEndsWithItsDirector(t *testing.T) {
	in, out, status := process(t, options(brokertest.Start(t, brokertest.Faults{}), 0))
	lines := bufio.NewReader(out)
	expectLine(t, lines, Ready)
	_ = in.Close()
	line, _ := lines.ReadString('\n')
	if !strings.Contains(line, errOrphan.Error()) {
		t.Errorf("said %q", line)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	if s := status(); s != 1 {
		t.Errorf("exit status %d", s)
	}
}

func TestMainTimesOut(t *testing.T) {
	o := options(brokertest.Start(t, brokertest.Faults{}), 0)
	o.Timeout = time.Second
	_, out, status := process(t, o)
	text, err := io.ReadAll(out)
	if err != nil || !strings.Contains(string(text), "deadline exceeded") || status() != 1 {
		t.Errorf("said %q, %v", text, err)
	}
}

func TestArgs(t *testing.T) {
	o := Options{Role: Loop, CA: "ca", Own: true, Credit: 3, Addr: "[::1]:1883", ID: "i", Topic: "t", Run: 3, Clients: 4, Publishers: 5, QoS: 1,
		Size: 100, Messages: 6, Rate: 7, Window: 8, Timeout: 9 * time.Second, Grace: time.Second, Now: true}
	back, err := parse(o.Args(), io.Discard)
	if err != nil || back != o {
		t.Errorf("%+v came back as %+v, %v", o, back, err)
	}
}

func TestBadArgs(t *testing.T) {
	table := []struct {
		args string
		want string
	}{
		{"", "usage"},
		{"both", "usage"},
		{"pub more", `"more" is left over`},
		{"pub -nonsense", "nonsense"},
		{"pub -qos 3", "-qos 3: from 0 to 2"},
		{"pub -size 23", "-size 23: from 24"},
		{"pub -clients 0", "-clients 0: from 1 to 60000"},
		{"pub -messages 0", "-messages 0"},
		{"pub -messages 18446744073709551615", "-messages"},
		{"pub -window 65536", "-window 65536"},
		{"pub -rate -1", "-rate -1"},
		{"sub -grace 99ms", "-grace 99: from 100"},
		{"pub -timeout 31m", "-timeout 1860: from 1 to 1800"},
		{"sub -clients 1000 -publishers 1000 -messages 100000", "bytes of ledgers"},
	}
	for _, c := range table {
		var said strings.Builder
		status := Main(t.Context(), strings.Fields(c.args), Streams{Out: io.Discard, Err: &said})
		if status != 2 || !strings.Contains(said.String(), c.want) {
			t.Errorf("%q: exit status %d, said %q; want 2 and %q", c.args, status, said.String(), c.want)
		}
	}
}
