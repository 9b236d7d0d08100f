package load

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// The bounds of a run; a request beyond them is refused, not cut down.
const (
	maxClients  = 60_000
	maxSize     = 1 << 20
	maxMessages = 1 << 30
	maxLedger   = 1 << 30 // bytes of all ledgers of a process
	maxWindow   = 65_535  // packet identifiers of a connection
	maxCredit   = 1_000_000
	maxTime     = 30 * time.Minute
)

// The roles that a process of the generator may have.
const (
	Pub  = "pub"  // publish
	Sub  = "sub"  // subscribe and count
	Loop = "loop" // both, with an eye on what is under way
	Hold = "hold" // connect, and do nothing
)

// Options says what a process of the generator does.
type Options struct {
	Role       string
	Addr       string // host:port of the broker
	Away       string // loop: brokers of its subscribers, in turn, host:port with commas; "": Addr
	ID         string // begins each client ID
	Topic      string // publisher n publishes to Topic/n; a subscriber takes Topic/#
	Run        uint32 // marks the messages of this run
	CA         string // hold: file of the authority that signed the broker's certificate; "": no TLS
	Clients    int    // connections of this process, 1 to 60,000; of a loop its subscribers
	Publishers int    // sub: how many publishers there are in all; loop: how many it runs
	QoS        byte   // 0, 1 or 2
	Own        bool   // loop: subscriber n takes the topic of publisher n alone
	// Credit is how many messages of a publisher of a loop may be under way, on
	// average of its subscribers, 0 to 1,000,000; 0 is any number. What the
	// broker lost is given up after Grace.
	Credit   int
	Size     int    // bytes of a payload, MinSize to 1 MiB
	Messages uint64 // of each publisher
	Rate     int    // messages a second of this process, 0: as fast as possible
	Window   int    // unacknowledged messages of a publisher at QoS 1 and 2, 1 to 65,535
	Timeout  time.Duration
	// Grace is how long after the last arrival a subscriber gives the rest up
	// as lost, once the publishers are done: 100 ms to 1 minute.
	Grace time.Duration
	Now   bool // do not wait for a word on the standard input
}

// Args writes the options as arguments of Main.
func (o Options) Args() []string {
	return []string{
		o.Role, "-addr", o.Addr, "-away", o.Away, "-ca", o.CA, "-id", o.ID, "-topic", o.Topic, "-run", fmt.Sprint(o.Run),
		"-clients", fmt.Sprint(o.Clients), "-publishers", fmt.Sprint(o.Publishers), "-qos", fmt.Sprint(o.QoS),
		"-size", fmt.Sprint(o.Size), "-messages", fmt.Sprint(o.Messages), "-rate", fmt.Sprint(o.Rate),
		"-window", fmt.Sprint(o.Window), "-timeout", o.Timeout.String(), "-grace", o.Grace.String(), fmt.Sprintf("-now=%v", o.Now),
		fmt.Sprintf("-own=%v", o.Own), "-credit", fmt.Sprint(o.Credit),
	}
}

// errUsage: the arguments are not understood.
var errUsage = errors.New("usage: load pub|sub|loop|hold [flags]")

// parse reads what Args writes. Explanations go to out.
func parse(args []string, out io.Writer) (Options, error) {
	if len(args) == 0 || !slices.Contains([]string{Pub, Sub, Loop, Hold}, args[0]) {
		return Options{}, errUsage
	}
	o := Options{Role: args[0]}
	var run, qos uint
	f := flag.NewFlagSet("load "+args[0], flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.Addr, "addr", "127.0.0.1:1883", "`host:port` of the broker")
	f.StringVar(&o.Away, "away", "", "loop: `host:port,...` of the brokers of its subscribers, in turn; empty: that of -addr")
	f.StringVar(&o.CA, "ca", "", "hold: `file` of the authority behind the broker's certificate; empty: no TLS")
	f.StringVar(&o.ID, "id", "load", "beginning of the client IDs")
	f.StringVar(&o.Topic, "topic", "bench", "publisher n publishes to TOPIC/n, subscribers take TOPIC/#")
	f.UintVar(&run, "run", 1, "number that marks the messages of this run")
	f.IntVar(&o.Clients, "clients", 1, "connections of this process; loop: its subscribers")
	f.IntVar(&o.Publishers, "publishers", 1, "sub: publishers in all; loop: how many of them it runs")
	f.UintVar(&qos, "qos", 0, "0, 1 or 2")
	f.IntVar(&o.Size, "size", 64, "bytes of a payload")
	f.Uint64Var(&o.Messages, "messages", 100_000, "messages of each publisher")
	f.IntVar(&o.Rate, "rate", 0, "pub: messages a second of all clients together, 0 for as fast as possible")
	f.IntVar(&o.Window, "window", 1000, "unacknowledged messages of a publisher at QoS 1 and 2")
	f.DurationVar(&o.Timeout, "timeout", time.Minute, "end of the run, whatever comes")
	f.DurationVar(&o.Grace, "grace", 2*time.Second, "sub: how long after the last arrival the rest is lost, once the publishers are done")
	f.BoolVar(&o.Now, "now", false, "do not wait for a line on the standard input: start, or wait for no publisher")
	f.BoolVar(&o.Own, "own", false, "loop: subscriber n takes the topic of publisher n alone")
	f.IntVar(&o.Credit, "credit", 0, "loop: messages of a publisher that may be under way, 0 for any number")
	if err := f.Parse(args[1:]); err != nil {
		return Options{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.NArg() > 0 {
		return Options{}, fmt.Errorf("%w: %q is left over", errUsage, f.Arg(0))
	}
	o.Run, o.QoS = uint32(run), byte(min(qos, 255))
	return o, o.check()
}

// check refuses what is out of bounds.
func (o Options) check() error {
	within := func(name string, v, low, high int64) error {
		if v < low || v > high {
			return fmt.Errorf("-%s %d: from %d to %d", name, v, low, high)
		}
		return nil
	}
	return errors.Join(
		within("clients", int64(o.Clients), 1, maxClients),
		within("publishers", int64(o.Publishers), 1, maxClients),
		within("qos", int64(o.QoS), 0, 2),
		within("size", int64(o.Size), MinSize, maxSize),
		within("messages", int64(min(o.Messages, maxMessages+1)), 1, maxMessages),
		within("rate", int64(o.Rate), 0, 1e9),
		within("window", int64(o.Window), 1, maxWindow),
		within("credit", int64(o.Credit), 0, maxCredit),
		within("grace", o.Grace.Milliseconds(), 100, time.Minute.Milliseconds()),
		within("timeout", int64(o.Timeout/time.Second), 1, int64(maxTime/time.Second)),
		o.checkLedger(),
	)
}

// checkLedger bounds the memory of a subscribing process.
func (o Options) checkLedger() error {
	bytes := float64(o.Clients) * float64(o.Publishers) * float64(o.Messages) / 8
	if (o.Role == Sub || o.Role == Loop) && bytes > maxLedger {
		return fmt.Errorf("clients x publishers x messages / 8 = %.0f bytes of ledgers: at most %d", bytes, maxLedger)
	}
	return nil
}
