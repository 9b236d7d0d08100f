package outsiders

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// launch starts a plugin as a node does, without configuring it.
func launch(t *testing.T, strategy string) *discovery.Client {
	t.Helper()
	life, err := pluginhost.Launch(t.Context(), pluginhost.Options{
		Strategy: strategy, Path: plugin(strategy), RunDir: filepath.Join(t.TempDir(), "r"),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Timers: pluginhost.Timers{Start: 20 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { life.Stop(false) })
	return life.Client()
}

// told is what a plugin makes of a file, as far as both must agree on it.
type told struct {
	Candidates []string
	Warnings   int
	Truncated  bool
	Revision   string
	Class      string
	Backend    discovery.BackendState
}

func ask(t *testing.T, c *discovery.Client) (out told) {
	t.Helper()
	a, err := c.Discover(t.Context())
	h, failed := c.Health(t.Context())
	if failed != nil {
		t.Fatal(failed)
	}
	out = told{Warnings: len(a.Warnings), Truncated: a.Truncated, Revision: a.SourceRevision, Class: discovery.ClassOf(err).String(), Backend: h.Backend}
	for _, x := range a.Candidates {
		out.Candidates = append(out.Candidates, fmt.Sprint(x.Endpoints, x.ClaimedName))
	}
	return out
}

// texts are files of addresses, good, odd and hostile.
var texts = map[string]string{
	"nobody":       "",
	"comments":     "# a\n\n   \n#b:1",
	"plain":        "10.0.0.1:4370\nn2@10.0.0.2:4370\r\n [fd00::0:1]:1 # third\nn4@[FD00::2]:2\nHost.example:3",
	"twins":        "10.0.0.1:1\nn1@10.0.0.1:1\n[::ffff:10.0.0.1]:1\nHOST:1\nhost:1\n[FD00::1]:1\n[fd00:0::1]:1",
	"bad lines":    "a:1\na\n:1\na:0\na:65536\na:99999\na:+1\na:\n@a:1\nb/c@a:1\na@b@c:1\n10.0.0:1\n10.0.0.256:1\n[::1\n[x]:1\n[fe80::1%eth0]:1\nfd00::1:1",
	"long lines":   "a:1\n" + strings.Repeat("x", 254) + ":1\n" + strings.Repeat("y", 65) + "@a:2\n" + strings.Repeat("z", 200) + ":1",
	"not text":     "a:1\n\x00\x01\xff\xfe\x1b[2J\n\u2028b:1\ngr\u00fcn:1\n\u0661.0.0.1:\u0661\n",
	"nothing good": "<html>\n<body>",
	"binary":       strings.Repeat("\x00\xff\n", 1000),
	"many":         many(15_000),
	"too large":    strings.Repeat("# nothing\n", 30_000),
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "10.0.%d.%d:%d\n", i/250, i%250, 1+i%9)
	}
	return b.String()
}

// Two authors who read the same contract wrote these plugins: of any file they
// must tell the same.
func TestTwins(t *testing.T) {
	python(t)
	t.Parallel()
	ours, theirs := launch(t, "hello"), launch(t, "hello-python")
	dir := t.TempDir()
	for name, text := range texts {
		file := filepath.Join(dir, "addresses of "+name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		twins(t, name, file, ours, theirs)
	}
	twins(t, "no file", filepath.Join(dir, "absent"), ours, theirs)
	twins(t, "a directory", dir, ours, theirs)
	twins(t, "a file as a directory", filepath.Join(dir, "addresses of many", "x"), ours, theirs)
	twins(t, "a device", "/dev/zero", ours, theirs)
	twins(t, "a terminal", "/dev/tty", ours, theirs)
}

func twins(t *testing.T, name, file string, ours, theirs *discovery.Client) {
	t.Helper()
	var said []told
	for _, c := range []*discovery.Client{ours, theirs} {
		config := fmt.Appendf(nil, `{"file": %q}`, file)
		if _, err := c.Configure(t.Context(), discovery.Setup{Config: config}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		said = append(said, ask(t, c))
	}
	if diff := cmp.Diff(said[0], said[1]); diff != "" {
		t.Errorf("%s (-go +python):\n%s", name, diff)
	}
}

// Wrong configurations are refused alike, and change nothing.
func TestTwinsRefuse(t *testing.T) {
	python(t)
	t.Parallel()
	for _, strategy := range strategies {
		c := launch(t, strategy)
		file := filepath.Join(t.TempDir(), "addresses")
		if err := os.WriteFile(file, []byte("a:1"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Configure(t.Context(), discovery.Setup{Config: fmt.Appendf(nil, `{"file": %q}`, file)}); err != nil {
			t.Fatal(err)
		}
		for config, path := range map[string]string{
			``: "file", `{}`: "file", `{"file": ""}`: "file", `{"file": "a"}`: "file", `{"file": null}`: "file",
			`{"file": 7}`: "file", `{"file": ["/a"]}`: "file", `{"file": "/a\u0000"}`: "file",
			`{"file": "/a", "x y": 1}`: "x y", `[]`: "", `7`: "", `{"file": "/a"`: "", `nonsense`: "",
		} {
			_, err := c.Configure(t.Context(), discovery.Setup{Config: []byte(config)})
			if class := discovery.ClassOf(err); class != discovery.ConfigInvalid || path != "" && !strings.Contains(err.Error(), ": "+path+": ") {
				t.Errorf("%s: %s is answered with %v, which names not %q", strategy, config, err, path)
			}
		}
		if got := ask(t, c); len(got.Candidates) != 1 {
			t.Errorf("%s: after that it tells %+v", strategy, got)
		}
	}
}

// Calls that are cancelled, hundreds at once, leave a plugin at work.
func TestTwinsUnderCancellation(t *testing.T) {
	each(t, func(t *testing.T, strategy string) {
		c := launch(t, strategy)
		file := filepath.Join(t.TempDir(), "addresses")
		if err := os.WriteFile(file, []byte(texts["many"]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Configure(t.Context(), discovery.Setup{Config: fmt.Appendf(nil, `{"file": %q}`, file)}); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		const calls = 200
		for i := range calls {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%20)*time.Millisecond)
				defer cancel()
				if i%2 == 0 {
					_, err := c.Discover(ctx)
					ended <- err
					return
				}
				ended <- c.Watch(ctx, "", func(discovery.Event) error { return nil })
			}()
		}
		for range calls {
			if err := <-ended; err != nil && discovery.ClassOf(err) != discovery.Timeout {
				t.Errorf("a call that ran out of time: %v", err)
			}
		}
		if got := ask(t, c); len(got.Candidates) != 10_000 || !got.Truncated {
			t.Errorf("then it tells %d candidates, %s", len(got.Candidates), got.Class)
		}
	})
}
