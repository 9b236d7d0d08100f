package solo

import "time"

// Kill ends the process at once, as the kernel does when memory runs out.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// Again starts a node that has ended once more, at the same addresses and with
// the data that it had.
func (n *Node) Again() error { return n.run() }

// Briefly is Again, and a Kill after that long, ready or not.
func (n *Node) Briefly(d time.Duration) error {
	ready, err := n.spawn()
	if err != nil {
		return err
	}
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ready:
	case <-n.ended:
		return n.await(ready)
	}
	n.Kill()
	return nil
}
