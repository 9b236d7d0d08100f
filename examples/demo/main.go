package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// maxStory is the longest that the story may take, without the time that the
// nodes stay up afterwards.
const maxStory = 3 * time.Minute

func main() {
	binary := flag.String("bin", "bin/muster", "the node")
	flag.Parse()
	tty := term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd()))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, *binary, tty, newTranscript(os.Stdout, tty && os.Getenv("NO_COLOR") == ""))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run tells the whole story, and stays up after it when asked to. Whatever
// happens, no node and no file is left.
func run(ctx context.Context, binary string, stay bool, out *transcript) (err error) {
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	dir, err := os.MkdirTemp("", "muster-demo-")
	if err != nil {
		return err
	}
	c, err := newCluster(binary, dir)
	if err != nil {
		return err
	}
	defer func() {
		switch {
		case ctx.Err() != nil && err != nil:
			err = errors.New("interrupted")
		case err != nil:
			c.tails(out)
		}
		if e := c.close(); err == nil {
			err = e
		}
	}()
	s := &story{cluster: c, out: out, mail: newMail()}
	defer s.hangUp()
	told, cancel := context.WithTimeout(ctx, maxStory)
	defer cancel()
	if err := s.tell(told); err != nil {
		return err
	}
	if stay {
		wait(ctx, c, out)
	}
	return nil
}

// wait leaves the nodes to the user.
func wait(ctx context.Context, c *cluster, out *transcript) {
	out.chapter("The nodes stay up until Ctrl-C. Try, in another terminal:")
	out.say("  mosquitto_sub -p %d -t 'hello/#' -v", c.nodes[0].mqtt)
	out.say("  mosquitto_pub -p %d -t hello/world -m hi", c.nodes[2].mqtt)
	for _, words := range []string{"cluster status", "members", "routes", "help"} {
		line := c.binary + " " + words
		if words != "help" {
			line += " --data-dir " + c.nodes[0].data
		}
		out.say("  %s", line)
	}
	<-ctx.Done()
	out.say("")
}
