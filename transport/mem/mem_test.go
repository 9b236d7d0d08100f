package mem

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f on virtual time with a network and the endpoints "a" and "b".
func bubble(t *testing.T, opts Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork(opts)
		w := &world{Network: n, t: t, a: n.Endpoint("a"), b: n.Endpoint("b")}
		t.Cleanup(func() { _, _ = w.a.Close(), w.b.Close() })
		f(t, w)
	})
}

// world is a network of two endpoints.
type world struct {
	*Network
	t    *testing.T
	a, b transport.Transport
}

// link joins a and b.
func (w *world) link() (a, b transport.Link) {
	w.t.Helper()
	a, err := w.a.Dial(w.t.Context(), "b")
	if err != nil {
		w.t.Fatal(err)
	}
	if b, err = w.b.Accept(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return a, b
}

// collect receives in the background: the text so far, and the end.
type collect struct {
	mu  sync.Mutex
	got string
	err error
}

func listen(l transport.Link) *collect {
	c := &collect{}
	go func() {
		for c.next(l.Receive()) {
		}
	}()
	return c
}

func (c *collect) next(frame []byte, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.err = c.got+string(frame), err
	return err == nil
}

// want checks what has arrived and whether the link has ended.
func (c *collect) want(t *testing.T, got string, ended bool) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got != got || errors.Is(c.err, transport.ErrClosed) != ended {
		t.Errorf("received %q, ended %v; want %q, ended %v", c.got, c.err, got, ended)
	}
}

func send(t *testing.T, l transport.Link, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := l.Send([]byte(text)); err != nil {
			t.Errorf("Send(%q): %v", text, err)
		}
	}
}

func TestDelay(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.Delay("a", "b", 30*time.Millisecond, 0)
		w.Delay("b", "a", 5*time.Millisecond, 0)
		start := time.Now()
		a, b := w.link()
		if took := time.Since(start); took != 35*time.Millisecond {
			t.Errorf("Dial took %v; want one round trip of 35ms", took)
		}
		heard := listen(b)
		send(t, a, "x")
		time.Sleep(30*time.Millisecond - 1)
		heard.want(t, "", false)
		time.Sleep(time.Nanosecond)
		heard.want(t, "x", false)
		_ = a.Close()
		time.Sleep(30*time.Millisecond - 1)
		heard.want(t, "x", false)
		time.Sleep(time.Nanosecond)
		heard.want(t, "x", true)
	})
}

// TestJitter checks that a stream stays in order, and that a seed repeats it.
func TestJitter(t *testing.T) {
	arrivals := func(seed uint64) (times []time.Duration) {
		bubble(t, Options{Seed: seed}, func(t *testing.T, w *world) {
			w.Delay("a", "b", 10*time.Millisecond, 20*time.Millisecond)
			a, b := w.link()
			for i := range 50 {
				send(t, a, fmt.Sprint(i))
			}
			start := time.Now()
			for i := range 50 {
				if frame, err := b.Receive(); err != nil || string(frame) != fmt.Sprint(i) {
					t.Fatalf("frame %d is %q, %v", i, frame, err)
				}
				times = append(times, time.Since(start))
			}
		})
		return times
	}
	first := arrivals(1)
	if diff := cmp.Diff(first, arrivals(1)); diff != "" {
		t.Errorf("one seed, two runs:\n%s", diff)
	}
	if cmp.Equal(first, arrivals(2)) {
		t.Error("two seeds, one run")
	}
	if first[0] < 10*time.Millisecond || first[49] > 30*time.Millisecond || first[0] == first[49] {
		t.Errorf("arrivals between %v and %v; want them spread from 10ms to 30ms", first[0], first[49])
	}
}

func TestCutThenReset(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		atA, atB := listen(a), listen(b)
		send(t, a, "1")
		w.Cut("a", "b")
		send(t, a, "lost")
		send(t, b, "2")
		time.Sleep(time.Hour)
		atB.want(t, "1", false)
		atA.want(t, "2", false)
		w.Heal("a", "b")
		atB.want(t, "1", true)
		atA.want(t, "2", true)
		if diff := cmp.Diff(Stats{Lost: 1, Reset: 1}, w.Stats()); diff != "" {
			t.Errorf("stats (- want, + got):\n%s", diff)
		}
	})
}

// TestIdleLinkSurvives: a cut that took nothing leaves no trace.
func TestIdleLinkSurvives(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		atB := listen(b)
		w.Split([]string{"a"}, []string{"b"})
		time.Sleep(time.Hour)
		w.HealAll()
		send(t, a, "still there")
		atB.want(t, "still there", false)
	})
}

func TestCutLossy(t *testing.T) {
	bubble(t, Options{Queue: 100}, func(t *testing.T, w *world) {
		a, b := w.link()
		atB := listen(b)
		w.CutLossy("a", "b")
		for range 100 {
			send(t, a, "lost, more than the queue holds")
		}
		w.Heal("a", "b")
		send(t, a, "after")
		atB.want(t, "after", false)
	})
}

// TestCutTakesWhatFlies checks that frames in flight are lost, and that those
// which had arrived are not.
func TestCutTakesWhatFlies(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		w.Delay("a", "b", 10*time.Millisecond, 0)
		send(t, a, "arrived")
		time.Sleep(5 * time.Millisecond)
		send(t, a, "flying")
		_ = a.Close()
		time.Sleep(5 * time.Millisecond)
		w.Cut("a", "b")
		atB := listen(b)
		time.Sleep(time.Hour)
		atB.want(t, "arrived", false)
		w.Heal("a", "b")
		time.Sleep(10 * time.Millisecond)
		atB.want(t, "arrived", true)
	})
}

// TestCloseInCut: the goodbye comes through after the heal, in both kinds.
func TestCloseInCut(t *testing.T) {
	for name, cut := range map[string]func(*Network, string, string){"breaking": (*Network).Cut, "lossy": (*Network).CutLossy} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				a, b := w.link()
				atB := listen(b)
				cut(w.Network, "a", "b")
				_ = a.Close()
				time.Sleep(time.Hour)
				atB.want(t, "", false)
				send(t, b, "into the void")
				w.Heal("a", "b")
				atB.want(t, "", true)
				if err := b.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
					t.Errorf("Send after the peer's Close: %v", err)
				}
			})
		})
	}
}

// TestResetNeedsBothWays: while one direction is cut nobody hears of a reset.
func TestResetNeedsBothWays(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		atA, atB := listen(a), listen(b)
		w.Split([]string{"a"}, []string{"b"})
		send(t, a, "lost")
		w.Heal("a", "b")
		atA.want(t, "", false)
		atB.want(t, "", false)
		w.Heal("b", "a")
		atA.want(t, "", true)
		atB.want(t, "", true)
	})
}

func TestDialInCut(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		for _, dead := range [][2]string{{"a", "b"}, {"b", "a"}} {
			w.Cut(dead[0], dead[1])
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := w.a.Dial(ctx, "b")
			if !errors.Is(err, transport.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v is cut: Dial: %v", dead, err)
			}
			cancel()
			w.HealAll()
		}
		w.Cut("a", "b")
		time.AfterFunc(time.Minute, w.HealAll)
		start := time.Now()
		w.link()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("a Dial during a cut took %v; want the minute until the heal", took)
		}
	})
}

func TestRefused(t *testing.T) {
	bubble(t, Options{MaxPending: 1}, func(t *testing.T, w *world) {
		w.Delay("a", "b", time.Second, 0)
		start := time.Now()
		if _, err := w.a.Dial(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		_, err := w.a.Dial(t.Context(), "b")
		if !errors.Is(err, transport.ErrUnreachable) || w.Stats().Refused != 1 {
			t.Errorf("a link too many: %v, %+v", err, w.Stats())
		}
		_ = w.b.Close()
		if _, err = w.a.Dial(t.Context(), "b"); !errors.Is(err, transport.ErrRefused) {
			t.Errorf("a closed endpoint: %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("three answers took %v; want 3s", took)
		}
	})
}

// TestBackpressure: Send blocks at the bound and goes on when there is room.
func TestBackpressure(t *testing.T) {
	bubble(t, Options{Queue: 3 * (10 + overhead)}, func(t *testing.T, w *world) {
		a, b := w.link()
		sent := 0
		go func() {
			for a.Send([]byte("ten bytes.")) == nil {
				sent++
			}
		}()
		for want := 3; want < 8; want++ {
			synctest.Wait()
			if sent != want {
				t.Errorf("%d frames were taken; want %d", sent, want)
			}
			if _, err := b.Receive(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestCutFillsUp: a breaking cut holds what it swallowed, as TCP does.
func TestCutFillsUp(t *testing.T) {
	bubble(t, Options{Queue: 100}, func(t *testing.T, w *world) {
		a, _ := w.link()
		w.Cut("a", "b")
		var err error
		sending := true
		go func() {
			for err == nil {
				err = a.Send(make([]byte, 40))
			}
			sending = false
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := w.Stats().Lost; got != 2 || !sending {
			t.Errorf("%d frames were taken, sending %v; want 2 and a blocked Send", got, sending)
		}
		w.Heal("a", "b")
		synctest.Wait()
		if !errors.Is(err, transport.ErrClosed) {
			t.Errorf("after the heal Send gave %v", err)
		}
	})
}

// TestEndpointReplaced: a process that starts again takes its address over.
func TestEndpointReplaced(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		atA, atB := listen(a), listen(b)
		old := w.b
		w.b = w.Endpoint("b")
		atA.want(t, "", true)
		atB.want(t, "", true)
		_ = old.Close() // must not take the new one's address away
		w.link()
		if got := w.Stats().Links; got != 1 {
			t.Errorf("%d links are open; want 1", got)
		}
	})
}

// TestSpoiled: bytes kept beyond the next Receive do not stay right by luck.
func TestSpoiled(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		a, b := w.link()
		send(t, a, "first", "second")
		first, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(); err != nil || string(first) == "first" {
			t.Errorf("the first frame still reads %q, %v", first, err)
		}
	})
}
