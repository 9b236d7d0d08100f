package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChanges(t *testing.T) {
	base := "node.cookie = one\ncluster.autoclean = 5m\nlog.level = info\nnode.port = 5000"
	older, err := loadText(t, base)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   string
		want []Change
	}{
		{"", nil},
		{"cluster.autoclean = off", []Change{{"cluster.autoclean", "off", true}}},
		{"node.cookie = two, log.level = debug", []Change{{"log.level", "debug", true}, {"node.cookie", "******", false}}},
		{"node.port = null, node.name = a@h", []Change{{"node.name", "a@h", false}, {"node.port", "", false}}},
		{"listeners.tcp.x.bind = 1", []Change{
			{"listeners.tcp.x.allow_anonymous", "off", false}, {"listeners.tcp.x.bind", "1", false},
			{"listeners.tcp.x.bytes_rate", "infinity", false}, {"listeners.tcp.x.enable", "on", false},
			{"listeners.tcp.x.max_conn_rate", "infinity", false}, {"listeners.tcp.x.max_connections", "100000", false},
			{"listeners.tcp.x.messages_rate", "infinity", false}}},
		{"authentication.users_file = u", []Change{{"authentication.users_file", "u", true}}},
		{"cluster { discovery_strategy = x, x.token = t }", []Change{{"cluster.discovery_strategy", "x", false}, {"cluster.x.token", "******", false}}},
	} {
		newer, err := loadText(t, base+"\n"+c.in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, Changes(older, newer)); diff != "" {
			t.Errorf("%s\n%s", c.in, diff)
		}
	}
}

// watched runs Reload over a file in a bubble, where two looks are a second
// apart, and notes what it says.
type watched struct {
	t    *testing.T
	dir  string
	hup  chan os.Signal
	said chan string
}

func (w *watched) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// expect lets looks go by and compares what was said meanwhile.
func (w *watched) expect(looks int, want ...string) {
	w.t.Helper()
	time.Sleep(time.Duration(looks)*time.Second + time.Millisecond)
	synctest.Wait()
	var got []string
	for len(w.said) > 0 {
		got = append(got, <-w.said)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Error(diff)
	}
}

func watch(t *testing.T, test func(w *watched)) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{t: t, dir: t.TempDir(), hup: make(chan os.Signal, 1), said: make(chan string, 100)}
		w.write("a.conf", "log.level = info\ninclude \"in\"")
		load := func() (*Config, error) { return Load(Options{ConfigDir: w.dir}) }
		current, err := load()
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			Reload(ctx, ReloadOptions{Current: current, Load: load, Now: w.hup, Every: time.Second,
				Loaded: func(_ *Config, changes []Change) { w.said <- fmt.Sprint(changes) },
				Failed: func(err error) {
					var all Errors
					w.said <- fmt.Sprint("failed ", errors.As(err, &all))
				}})
		}()
		test(w)
		stop()
		<-ended
	})
}

func TestReload(t *testing.T) {
	watch(t, func(w *watched) {
		w.expect(3)
		w.write("a.conf", "log.level = debug")
		w.expect(1) // seen, but it may still be written to
		w.expect(1, "[{log.level debug true}]")
		w.write("a.conf", "log.level = ")
		w.expect(2, "failed true")
		w.expect(3) // once
		w.write("a.conf", "cluster.autoclean = 1h, include \"in\"")
		w.expect(2, "[{cluster.autoclean 1h true} {log.level info true}]")
		w.write("in.conf", "node.port = 6000")
		w.expect(2, "[{node.port 6000 false}]") // an include that was not there
		w.write("z.conf", "node.port = 6001 ")
		w.expect(2, "[{node.port 6001 false}]") // a file more in the directory
		w.hup <- syscall.SIGHUP
		w.expect(0, "[]")
	})
}

func TestReloadWaitsForTheWriter(t *testing.T) {
	watch(t, func(w *watched) {
		for i := range 5 {
			w.write("a.conf", fmt.Sprintf("log.level = debug%*s", i, ""))
			w.expect(1)
		}
		w.expect(1, "[{log.level debug true}]")
	})
}
