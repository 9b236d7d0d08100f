package pods

import (
	"strconv"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest"
	"github.com/muster-mqtt/muster/plugins/k8s/internal/kubetest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// every is for a look at another process, which has no event to wait for.
func every(t *testing.T) (tick, late <-chan time.Time) {
	ticker := time.NewTicker(50 * time.Millisecond)
	t.Cleanup(ticker.Stop)
	return ticker.C, time.After(wait)
}

// The server itself answers 410 to the version that a watch goes on from: the
// plugin says so, lists anew, and does not ask without a pause.
func TestForgottenVersion(t *testing.T) {
	s := newSpace(t)
	gate, err := kube.server.NewGate(true)
	s.must(err)
	defer gate.Close()
	s.Via(gate)
	s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1"}}))
	gate.Stale(true)
	began := time.Now()
	w := watching(t, s.pods(nil))
	w.snapshot("the pod", "10.0.0.1:0 not-ready")
	for range 3 {
		w.until("the resync", func(ev discovery.Event) bool { return ev.Resync != "" })
	}
	lists, _, _ := gate.Asked()
	if most := int64(time.Since(began)/watchGap) + 1; lists > most {
		t.Errorf("%d lists within %v", lists, time.Since(began))
	}
	s.must(s.PutPod(kubetest.Pod{Name: "b", IPs: []string{"10.0.0.2"}}))
	w.snapshot("what is new", "10.0.0.1:0 not-ready", "10.0.0.2:0 not-ready")
}

// The server ends a watch each few minutes; here, each second. Nothing is
// missed in between, and nothing is listed anew.
func TestWatchGoesOn(t *testing.T) {
	s := newSpace(t)
	gate, err := kube.server.NewGate(true)
	s.must(err)
	defer gate.Close()
	s.Via(gate)
	c, err := read(discovery.Setup{Config: s.Config(kubetest.Object{"selector": "app=muster"})}, account)
	s.must(err)
	plugin := newStrategy(c, nil)
	plugin.life = time.Second
	defer plugin.Close()
	w := &events{discoverytest.Watch(t, plugin.Watch), t}
	w.snapshot("nothing")
	for watches := int64(1); ; {
		s.must(s.PutPod(kubetest.Pod{Name: "a", IPs: []string{"10.0.0.1"}}))
		w.snapshot("a pod", "10.0.0.1:0 not-ready")
		s.must(s.RemovePod("a"))
		w.snapshot("nothing again")
		if _, watches, _ = gate.Asked(); watches > 3 {
			break
		}
	}
	if lists, _, _ := gate.Asked(); lists != 1 {
		t.Errorf("%d lists", lists)
	}
}
