package pluginhost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// Each way of not being a plugin has its one line, which says what to do.
func TestStartErrors(t *testing.T) {
	garbage := "printed \"hello / world\" before the handshake; it is no discovery plugin"
	for name, c := range map[string]struct{ body, want string }{
		"garbage":        {`printf "hello\nworld\n"; exec sleep 600`, garbage},
		"garbage, gone":  {`printf "hello\nworld\n"`, garbage},
		"zeros":          {"head -c 100000 /dev/zero; exec sleep 600", "before the handshake"},
		"exits":          {"echo cannot load libfoo >&2; exit 3", "ended before the handshake: exit status 3; its last words: \"cannot load libfoo\""},
		"exits happily":  {"exit 0", "ended before the handshake: exit status 0"},
		"hangs":          {"echo thinking >&2; exec sleep 600", "gave no handshake within 3s; is it a discovery plugin of muster?; its last words: \"thinking\""},
		"other version":  {"echo '1|2|unix|/tmp/x|grpc|'; exec sleep 600", "speaks version 2 of the discovery contract, this node speaks 1"},
		"no encryption":  {"echo '1|1|unix|/tmp/x|grpc|'; exec sleep 600", "does not offer the encryption"},
		"elsewhere":      {"echo '1|1|tcp|192.0.2.1:80|grpc|" + strings.Repeat("x", 60) + "'; exec sleep 600", "neither a unix socket nor loopback"},
		"bad cert":       {"echo '1|1|unix|/tmp/x|grpc|" + strings.Repeat("x", 60) + "'; exec sleep 600", "the handshake failed"},
		"hostile stderr": {`echo '{"@message": 1, "@level": []}' >&2; exit 1`, "exit status 1"},
		"not a program":  {"", "is not a program for this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			o := toyOptions(t, `{}`)
			o.Path = script(t, c.body)
			o.Timers.Start, o.Timers.Retry = patience, time.Hour
			if strings.Contains(c.want, "exit status") {
				o.Timers.Drain = patience // its end follows that of its output
			}
			if name == "hangs" {
				o.Timers.Start = 3 * time.Second // time enough for its words
			}
			o.Timers.Restart = []time.Duration{time.Hour}
			if name == "not a program" {
				if err := os.WriteFile(o.Path, []byte("\x7fELF nonsense"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			h, _ := run(t, o)
			s := await(t, h, "down", func(s Status) bool { return s.State == Restarting })
			if !strings.Contains(s.LastError, c.want) || strings.Contains(s.LastError, "\n") || s.LastErrorClass != discovery.PluginInternal {
				t.Errorf("got  %s\nwant %s", s.LastError, c.want)
			}
		})
	}
}

// overdue is a context whose time is over, and which has not noticed yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now(), true }

// Who had no time left is told so, whichever timer was served first.
func TestLate(t *testing.T) {
	early, cancel := context.WithTimeout(t.Context(), time.Hour)
	if !late(overdue{t.Context()}) || late(early) || late(t.Context()) {
		t.Error("the deadline of a context does not count")
	}
	cancel()
	if late(early) {
		t.Error("a cancelled context is late")
	}
}

func TestMissingBinaryIsFoundLater(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Path, o.Dir = "", t.TempDir()
	o.Timers.Restart = []time.Duration{time.Hour}
	h, _ := run(t, o)
	s := await(t, h, "down", func(s Status) bool { return s.State == Restarting })
	if want := `no plugin for strategy "toy": muster-discovery-toy is not in ` + o.Dir; !strings.Contains(s.LastError, want) {
		t.Errorf("got %s", s.LastError)
	}
	if err := os.Symlink(toyPath, filepath.Join(o.Dir, "muster-discovery-toy")); err != nil {
		t.Fatal(err)
	}
	h.Enable()
	await(t, h, "ready", ready)
}

func TestStopWhileStarting(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Path = script(t, "echo started >&2; exec sleep 600")
	h, stop := run(t, o)
	await(t, h, "starting", func(s Status) bool { return s.State == Starting })
	began := time.Now()
	stop()
	if took := time.Since(began); took > patience {
		t.Errorf("stopping took %v", took)
	}
	if s := h.Status(); s.LastError != "" {
		t.Errorf("an ordered stop is no error: %+v", s)
	}
}

func TestLookup(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inDir := write(dir, "muster-discovery-a", 0o755)
	onPath := write(other, "muster-discovery-b", 0o755)
	plain := write(dir, "muster-discovery-c", 0o644)
	t.Setenv("PATH", other)
	for _, c := range []struct{ strategy, path, dir, want, err string }{
		{"a", "", dir, inDir, ""},
		{"b", "", "", onPath, ""},
		{"b", "", dir, "", "is not in " + dir},
		{"b", inDir, dir, inDir, ""},
		{"c", "", dir, "", "chmod +x"},
		{"d", "", "", "", "$PATH; install it there or set cluster.plugins.d.path"},
		{"a", filepath.Join(dir, "none"), "", "", "cluster.plugins.a.path"},
		{"a", dir, "", "", "is not a file"},
		{"c", plain, "", "", "not executable"},
	} {
		got, err := Lookup(c.strategy, c.path, c.dir)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Lookup(%q, %q, %q) = %q, %v", c.strategy, c.path, c.dir, got, err)
		}
	}
}

func TestVerifiedCopyDoesNotFollowTheOriginal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "binary")
	if err := os.WriteFile(path, []byte("good"), 0o755); err != nil {
		t.Fatal(err)
	}
	const good = "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"
	copied, err := verified(path, good, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("evil"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(copied); err != nil || string(got) != "good" {
		t.Errorf("the copy holds %q, %v", got, err)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := verified(path, good, dir); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestRunDir(t *testing.T) {
	if got, err := runDir("/var/lib/muster/run", "etcd"); err != nil || got != "/var/lib/muster/run/etcd" {
		t.Errorf("%s, %v", got, err)
	}
	t.Setenv("TMPDIR", "/tmp")
	long := "/" + strings.Repeat("x", 80)
	one, err1 := runDir(long, "etcd")
	two, err2 := runDir(long, "dns")
	if err1 != nil || err2 != nil || one == two || !strings.HasPrefix(one, "/tmp/muster-") || len(one) > maxRunDir {
		t.Errorf("%s, %v; %s, %v", one, err1, two, err2)
	}
	t.Setenv("TMPDIR", long)
	if _, err := runDir(long, "etcd"); err == nil {
		t.Error("no socket fits there")
	}
}

func TestMakeRunDirRefusesWhatOthersMade(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a", "b")
	for range 2 {
		if err := makeRunDir(dir); err != nil {
			t.Error(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{dir, link} {
		if err := makeRunDir(bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	h, err := New(Options{Strategy: "toy", RunDir: "/proc/nowhere", Logger: silent(), Timers: Timers{Restart: []time.Duration{time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	start(t, h)
	await(t, h, "down", func(s Status) bool { return s.State == Restarting && s.LastError != "" })
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Strategy: "my-own_2", RunDir: "x", Logger: silent(), SHA256: strings.Repeat("aB", 32)}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Options){
		"no strategy":  func(o *Options) { o.Strategy = "" },
		"path in it":   func(o *Options) { o.Strategy = "../x" },
		"upper case":   func(o *Options) { o.Strategy = "Etcd" },
		"long":         func(o *Options) { o.Strategy = strings.Repeat("x", 33) },
		"short sum":    func(o *Options) { o.SHA256 = "abcd" },
		"no hex":       func(o *Options) { o.SHA256 = strings.Repeat("x", 64) },
		"no directory": func(o *Options) { o.RunDir = "" },
		"no logger":    func(o *Options) { o.Logger = nil },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestExplainsExecErrors(t *testing.T) {
	for want, err := range map[string]error{
		"noexec":                  &os.PathError{Op: "fork/exec", Path: "x", Err: syscall.EACCES},
		"could not be started: x": errors.New("x"),
	} {
		if got := (evidence{path: "/p", err: err}).line(); !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
	if got := (evidence{path: "/p", started: true}).line(); !strings.Contains(got, "closed its standard output") {
		t.Error(got)
	}
}
