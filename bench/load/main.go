// Command load is the load generator: "load pub" publishes, "load sub"
// subscribes and counts. bench/cross runs it as processes of its own; by hand,
// give it -now, the subscriber first.
package main

import (
	"context"
	"os"

	"github.com/muster-mqtt/muster/bench/internal/load"
)

func main() {
	os.Exit(load.Main(context.Background(), os.Args[1:], load.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
