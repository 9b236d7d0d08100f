package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
	"github.com/muster-mqtt/muster/transport/epmd"
)

// TestEpmd: the mapper serves until it is told to end, and lists who is
// registered; the flags are those of Erlang's, the port that of its variable.
func TestEpmd(t *testing.T) {
	port, err := ports.Port()
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{fmt.Sprint("ERL_EPMD_PORT=", port)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, Invocation{Args: []string{"epmd", "-address", "127.0.0.1"}, Environ: environ, Stdout: stdout, Stderr: &stderr})
		_ = stdout.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if want := fmt.Sprintf("the port mapper listens on 127.0.0.1:%d\n", port); line != want || err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	r, err := epmd.Client{Port: port}.Register(t.Context(), epmd.Node{Name: "n1", Port: 6369})
	if err != nil {
		t.Fatal(err)
	}
	want := result{Stdout: fmt.Sprintf("epmd: up and running on port %d with data:\nname n1 at port 6369\n", port)}
	check(t, "-names", want, call(t, Invocation{Args: []string{"epmd", "-names"}, Environ: environ}))
	busy := result{Status: exitRefused, Stderr: fmt.Sprintf("127.0.0.1:%d is in use: a port mapper may run already: see `muster epmd -names`\n", port)}
	check(t, "twice", busy, call(t, Invocation{Args: []string{"epmd", "--address", "127.0.0.1", "--port", fmt.Sprint(port)}}))
	_ = r.Close()
	stop()
	if status := <-ended; status != exitDone || !strings.Contains(stderr.String(), "a node is registered") {
		t.Errorf("status %d: %s", status, &stderr)
	}
	gone := call(t, Invocation{Args: []string{"epmd", "-names"}, Environ: environ})
	if gone.Status != exitRefused || !strings.Contains(gone.Stderr, "no port mapper runs there: run `epmd -daemon`, or `muster epmd`") {
		t.Errorf("%+v", gone)
	}
}

func TestEpmdUsage(t *testing.T) {
	for _, c := range []Invocation{
		{Args: []string{"epmd", "--port", "70000"}}, {Args: []string{"epmd", "--port", "-1"}}, {Args: []string{"epmd"}, Environ: []string{"ERL_EPMD_PORT=x"}},
		{Args: []string{"epmd", "now"}},
	} {
		if got := call(t, c); got.Status != exitUsage || got.Stderr == "" {
			t.Errorf("%v: %+v", c.Args, got)
		}
	}
}
