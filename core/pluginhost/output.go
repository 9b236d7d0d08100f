package pluginhost

import (
	"bufio"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Bounds of what is kept and logged of a plugin's output.
const (
	keptLines   = 20        // the last ones, shown with an error
	keptLine    = 512       // bytes of each
	loggedLine  = 4096      // bytes
	handshakeAt = 16 * 1024 // bytes of the first line; go-plugin stalls at 64 KiB
	logBurst    = 100       // lines at once
	logRate     = 10        // lines a second
)

// output takes what one process prints: a little is kept for errors, the rest
// is logged at a bounded rate.
type output struct {
	log   *slog.Logger
	limit *limiter // outlives the process

	mu             sync.Mutex
	pid            int
	stdout, stderr []string // kept lines
}

func (o *output) started(pid int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pid = pid
}

// lines returns the kept lines of stdout and stderr.
func (o *output) lines() (stdout, stderr []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.stdout...), append([]string(nil), o.stderr...)
}

// pumpStdout passes the first line on as the handshake and treats the others
// as stray output.
func (o *output) pumpStdout(r io.Reader, handshake *io.PipeWriter) {
	first := true
	eachLine(r, handshakeAt, func(line string) {
		o.mu.Lock()
		if len(o.stdout) < keptLines {
			o.stdout = append(o.stdout, oneLine(line, keptLine))
		}
		o.mu.Unlock()
		if first {
			first = false
			_, _ = io.WriteString(handshake, line+"\n")
			_ = handshake.Close()
			return
		}
		o.emit(entry{level: slog.LevelDebug, message: "stray output: " + line})
	})
	_ = handshake.Close()
}

func (o *output) pumpStderr(r io.Reader) {
	panicking := false
	eachLine(r, loggedLine, func(line string) {
		e := parseLine(line, &panicking)
		o.mu.Lock()
		if len(o.stderr) == keptLines {
			o.stderr = o.stderr[1:]
		}
		o.stderr = append(o.stderr, oneLine(e.text(), keptLine))
		o.mu.Unlock()
		o.emit(e)
	})
}

// Write takes what a plugin prints by fmt.Println while it is served, which
// go-plugin carries over the connection.
func (o *output) Write(p []byte) (int, error) {
	o.emit(entry{level: slog.LevelDebug, message: "stray output: " + string(p[:min(len(p), loggedLine)])})
	return len(p), nil
}

var _ io.Writer = (*output)(nil)

func (o *output) emit(e entry) {
	ok, dropped := o.limit.allow(time.Now())
	if !ok {
		return
	}
	o.mu.Lock()
	log := o.log.With("pid", o.pid)
	o.mu.Unlock()
	if dropped > 0 {
		log.Warn("the plugin prints too much; lines were dropped", "lines", dropped)
	}
	e.log(log)
}

// eachLine calls f for each line, cut at limit bytes, until the reader ends
// in any way. What is beyond the limit is dropped.
func eachLine(r io.Reader, limit int, f func(string)) {
	b := bufio.NewReaderSize(r, limit)
	rest := false // of a line that was cut
	for {
		line, more, err := b.ReadLine()
		if err != nil {
			return
		}
		if !rest {
			f(string(line))
		}
		rest = more
	}
}

// limiter lets logBurst lines through at once and logRate a second.
type limiter struct {
	mu      sync.Mutex
	tokens  float64
	at      time.Time
	dropped int    // since the last line let through
	total   uint64 // dropped in all
}

// allow reports whether a line may pass now and, if so, how many before it
// did not.
func (l *limiter) allow(now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() {
		l.tokens = logBurst
	} else {
		l.tokens = min(logBurst, l.tokens+logRate*now.Sub(l.at).Seconds())
	}
	l.at = now
	if l.tokens < 1 {
		l.dropped++
		l.total++
		return false, 0
	}
	l.tokens--
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// lost returns how many lines were dropped so far.
func (l *limiter) lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
