package mqtt

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// journaled is a Broker with a journal that writes when it is told to.
func journaled(t *testing.T) (*fixture, *fakeJournal) {
	j := &fakeJournal{}
	f := onPipe(t, Limits{}, func(o *Options) { o.Journal = j })
	f.cluster.journal = j
	f.match("t")
	return f, j
}

func (j *fakeJournal) stop(hold bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hold = hold
}

// TestWrittenFirst: what a client could take for a promise leaves when the
// journal has it, and not before; other packets pass.
func TestWrittenFirst(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []appender // sent and answered before the journal stops
		sent   appender
		want   appender
	}{
		{"PUBACK", nil, publish1("t", "x", 1), puback(1)},
		{"PUBREC", nil, publish2("t", "x", 1), pubrec(1)},
		{"PUBREC again", []appender{publish2("t", "x", 1)}, dup(publish2("t", "x", 1)), pubrec(1)},
		{"PUBCOMP", []appender{publish2("t", "x", 1)}, pubrel(1), pubcomp(1)},
		{"PUBREL", []appender{publish1("mine", "x", 1), puback(1)}, pubrec(2), pubrel(2)},
		{"SUBACK", nil, packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "f"}}}, packet.Suback{ID: 1, Codes: []byte{0}}},
		{"UNSUBACK", nil, packet.Unsubscribe{ID: 1, Filters: []core.Filter{"f"}}, packet.Unsuback{ID: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, j := journaled(t)
				p := f.join(4, "p")
				p.subscribe("mine", 2)
				if c.name == "PUBREL" {
					f.cluster.deliver(message("mine", 1, "x"))
					f.cluster.deliver(message("mine", 2, "y"))
					p.want(publish1("mine", "x", 1), publish2("mine", "y", 2))
					p.send(puback(1))
				} else if c.before != nil {
					p.send(c.before...)
					p.next(packet.TypePubrec)
				}
				j.stop(true)
				p.send(c.sent)
				p.alive()
				p.silent(time.Second)
				j.write()
				p.want(c.want)
				j.stop(false)
			})
		})
	}
}

// TestConnackWritten: the CONNACK of a session that is to stay waits for the
// journal, and nothing overtakes it; that of another one does not wait.
func TestConnackWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := journaled(t)
		a := f.join(4, "a")
		a.subscribe("mine", 1)
		a.nc.Close()
		synctest.Wait()
		j.stop(true)
		f.connect("clean", true, false)
		a = f.open()
		a.send(packet.Connect{Version: 4, ClientID: "a"}, publish("t", ""), empty(packet.TypePingreq))
		synctest.Wait()
		f.cluster.deliver(message("mine", 0, "zero"))
		f.cluster.deliver(message("mine", 1, "one"))
		a.silent(time.Minute)
		j.write()
		a.want(packet.Connack{SessionPresent: true}, publish("mine", "zero"), publish1("mine", "one", 1), empty(packet.TypePingresp))
		j.stop(false)
	})
}

// TestJournalStuck: a client that goes while the journal writes nothing leaves
// nothing behind, and the broker can be closed.
func TestJournalStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := journaled(t)
		b := f.join(4, "b")
		j.stop(true)
		a := f.open()
		a.send(packet.Connect{Version: 4, ClientID: "a"})
		b.send(publish1("t", "", 1), publish2("t", "", 2))
		synctest.Wait()
		a.nc.Close()
		b.nc.Close()
		synctest.Wait()
		f.broker.Close()
		j.write()
	})
}
