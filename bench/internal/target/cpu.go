package target

import (
	"fmt"
	"time"

	"github.com/muster-mqtt/muster/bench/internal/proc"
)

// CPU is the processor time, user and system, that the nodes have used.
func CPU(nodes []Node) (time.Duration, error) {
	var sum time.Duration
	for _, n := range nodes {
		used, err := proc.CPU(n.PID)
		if err != nil {
			return 0, fmt.Errorf("the node at %s is gone: %w", n.Addr, err)
		}
		sum += used
	}
	return sum, nil
}
