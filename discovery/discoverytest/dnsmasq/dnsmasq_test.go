package dnsmasq

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask returns the addresses of a name, or the error.
func ask(t *testing.T, s *Server, name string) string {
	t.Helper()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Addr())
	}}
	found, err := r.LookupHost(t.Context(), name)
	if err != nil {
		return err.Error()
	}
	return strings.Join(found, " ")
}

// A server has the records of its last start, and none while it is stopped.
func TestServer(t *testing.T) {
	s, other := New(t), New(t)
	other.Start("x", "--host-record=a.x,10.0.0.9")
	for i := range 2 {
		want := fmt.Sprintf("10.0.0.%d", i+1)
		s.Start("x", "--host-record=a.x,"+want)
		if got := ask(t, s, "a.x."); got != want {
			t.Errorf("start %d: %s", i+1, got)
		}
		if got := ask(t, s, "b.x."); !strings.Contains(got, "no such host") {
			t.Errorf("a name that there is not: %s", got)
		}
	}
	s.Stop()
	s.Stop()
	if got := ask(t, s, "a.x."); !strings.Contains(got, "refused") {
		t.Errorf("without a server: %s", got)
	}
	if got := ask(t, other, "a.x."); got != "10.0.0.9" {
		t.Errorf("the other server: %s", got)
	}
}

// fatal is a test that may fail.
type fatal struct {
	*testing.T
	said string
}

func (f *fatal) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// What dnsmasq does not like is told.
func TestRefused(t *testing.T) {
	f := &fatal{T: t}
	over := make(chan struct{})
	go func() {
		defer close(over)
		New(f).Start("x", "--nonsense")
	}()
	<-over
	if !strings.Contains(f.said, "dnsmasq says") {
		t.Errorf("said %q", f.said)
	}
}
