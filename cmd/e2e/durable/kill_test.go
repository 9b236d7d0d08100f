package durable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/solo"
)

var (
	errLostSession = errors.New("a session was lost")
	errProtocol    = errors.New("against the protocol")
)

// program is what TestMain has built.
var program string

func TestMain(m *testing.M) { os.Exit(solo.Main(m, &program)) }

// trials is how often a trial is repeated: few times in `make test`, the count
// of the promise in `make prove`, which sets MUSTER_PROVE.
func trials(few, many int) int {
	if os.Getenv("MUSTER_PROVE") != "" {
		return many
	}
	if testing.Short() {
		return 2
	}
	return few
}

func after(d time.Duration) <-chan time.Time { return time.After(d) }

// roomy lets nothing be evicted: who promises to keep messages may drop the
// oldest of a queue that is full.
const roomy = `mqtt { max_queue_length = 1000000, max_queue_bytes = 1GiB, max_inflight = 100 }`

// account is a node with the clients that hold it to account.
type account struct {
	*testing.T
	rng  *rand.Rand
	node *solo.Node
	pub  *publisher
	sub  *subscriber

	wills int  // that are to come
	ended bool // the test has ended the node by itself
}

func newAccount(t *testing.T, program, dir string) *account {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	node, err := solo.Start(program, dir, roomy)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{T: t, rng: rand.New(rand.NewPCG(seed, 0)), node: node}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the publisher: %d sent, %d acknowledged, open %v; the subscriber: %d, not %v, holds %v", a.pub.last, len(a.pub.acked), a.pub.open, len(a.sub.order), a.missing(), a.sub.holds)
			t.Log(a.node.Log())
		}
		if err := a.node.Stop(); err != nil && !a.ended {
			t.Error(err)
		}
	})
	long := func(n uint64) int { // now and then a long one, so that the log is begun anew
		if n%4 == 0 {
			return 64 << 10
		}
		return 100
	}
	a.pub = &publisher{addr: node.MQTT, payload: long, acked: map[uint64]bool{}}
	a.sub = newSubscriber(node.MQTT)
	if err := a.sub.subscribe(); err != nil {
		t.Fatal(err)
	}
	return a
}

// missing are the numbers that were acknowledged and did not come.
func (a *account) missing() (out []uint64) {
	for n := range a.pub.acked {
		if a.sub.got[n] == 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// load runs both clients until their connections break. It returns when both
// are connected, or one of them failed, with what is closed when each is done.
func (a *account) load() (pub, sub <-chan struct{}) {
	ready := make(chan struct{}, 4)
	start := func(name string, run func(func()) error) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := run(func() { ready <- struct{}{} })
			ready <- struct{}{}
			if errors.Is(err, errLostSession) || errors.Is(err, errProtocol) {
				a.Errorf("%s: %v", name, err)
			}
		}()
		return done
	}
	pub, sub = start("publisher", a.pub.run), start("subscriber", a.sub.run)
	<-ready
	<-ready
	return pub, sub
}

// settle lets the publisher finish and the subscriber get everything, and
// closes the account.
func (a *account) settle() {
	a.Helper()
	a.pub.stop()
	pub, sub := a.load()
	<-pub
	if !a.pub.finished() {
		a.Error("the publisher did not finish")
	}
	a.sub.until(a.T, "everything has come", func() bool { return len(a.missing()) == 0 && len(a.sub.wills) >= a.wills })
	a.balance()
	a.retained()
	if err := a.node.Stop(); err != nil {
		a.Error(err)
	}
	<-sub
	if err := a.node.Again(); err != nil {
		a.Error(err)
	}
}

// balance compares what was acknowledged with what came.
func (a *account) balance() {
	a.Helper()
	a.sub.mu.Lock()
	defer a.sub.mu.Unlock()
	lost, twice := 0, 0
	for n := range a.pub.acked {
		if a.sub.got[n] == 0 {
			lost++
			a.Errorf("message %d was acknowledged and did not come", n)
		}
	}
	for n, times := range a.sub.got {
		if _, qos, _ := topicOf(n); qos == 2 && times > 1 {
			twice++
			a.Errorf("message %d of QoS 2 came %d times", n, times)
		}
	}
	for i := 1; i < len(a.sub.order); i++ {
		if a.sub.order[i] < a.sub.order[i-1] {
			a.Errorf("message %d came after %d", a.sub.order[i], a.sub.order[i-1])
		}
	}
	a.Logf("%d messages acknowledged, %d lost, %d of QoS 2 twice", len(a.pub.acked), lost, twice)
}

// retained checks that the last retained message that was acknowledged is
// there, or a later one.
func (a *account) retained() {
	a.Helper()
	w, _, err := dial(a.node.MQTT, fmt.Sprint("reader", a.rng.Uint32()), nil)
	if err != nil {
		a.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Write(subscribe(1, "load/retained")); err != nil {
		a.Fatal(err)
	}
	if first, _, err := w.next(); err != nil || first != tSuback {
		a.Fatalf("SUBACK: %#x %v", first, err)
	}
	want := a.pub.lastAcked(func(n uint64) bool { _, _, retain := topicOf(n); return retain == 1 })
	if want == 0 {
		return
	}
	first, body, err := w.next()
	if err != nil {
		a.Fatalf("no retained message, though %d was acknowledged: %v", want, err)
	}
	if got := binary.BigEndian.Uint64(parse(first, body).payload); got < want || first&1 == 0 {
		a.Errorf("the retained message is %d (%#x), and %d was acknowledged", got, first, want)
	}
}

// TestKill kills the node under load at random instants, while it starts as
// well. The will of a client that is connected then comes once.
func TestKill(t *testing.T) {
	a := newAccount(t, program, filepath.Join(t.TempDir(), "node"))
	kills := trials(10, 200)
	for i := range kills {
		a.kill(fmt.Sprint("will ", i))
		if t.Failed() {
			break
		}
	}
	a.settle()
	for i := range kills {
		if n := a.sub.wills[fmt.Sprint("will ", i)]; n != 1 {
			t.Errorf("will %d came %d times", i, n)
		}
	}
}

// kill is one trial.
func (a *account) kill(will string) {
	a.Helper()
	w, _, err := dial(a.node.MQTT, "with a will", []byte(will))
	if err != nil {
		a.Fatal(err)
	}
	defer w.Close()
	a.wills++
	pub, sub := a.load()
	<-after(time.Duration(a.rng.IntN(200)) * time.Millisecond)
	a.node.Kill()
	<-pub
	<-sub
	if a.rng.IntN(4) == 0 {
		if err := a.node.Briefly(time.Duration(a.rng.IntN(800)) * time.Millisecond); err != nil {
			a.Fatal(err)
		}
	}
	if err := a.node.Again(); err != nil {
		a.Fatal(err)
	}
}
