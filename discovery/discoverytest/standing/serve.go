//go:build linux

package standing

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// longest bounds the life of a process that nobody ends; one whose
	// directory is gone ends within vigil.
	longest = time.Hour
	vigil   = 5 * time.Second
	// asking bounds the sending of a question, and maxAsked its size in bytes.
	asking   = 5 * time.Second
	maxAsked = 1 << 20
)

// serve carries out one verb after the other, up to "down".
func (o Options) serve() error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer l.Close()
	// Whoever waits for the end of what this process prints must not wait for
	// its own end.
	fmt.Println(ready)
	if err := silence(); err != nil {
		return err
	}
	f, err := o.Open()
	if err != nil {
		f = refusing{err}
	}
	end := time.AfterFunc(longest, func() { _ = l.Close() })
	defer end.Stop()
	go watch(l, cmp.Or(o.vigil, vigil))
	for {
		conn, err := l.Accept()
		if err != nil {
			_, err = f.Do("down")
			return err
		}
		if answerOne(conn, f) {
			return nil
		}
	}
}

// refusing says with every verb why there is no fixture.
type refusing struct{ err error }

var _ Fixture = refusing{}

func (r refusing) Do(string, ...string) ([]byte, error) { return nil, r.err }

// watch ends a process whose directory was removed.
func watch(l net.Listener, every time.Duration) {
	for range time.Tick(every) {
		if _, err := os.Stat(socket); err != nil {
			_ = l.Close()
			return
		}
	}
}

// silence lets go of what was inherited.
func silence() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 3 {
		if err := syscall.Dup3(int(null.Fd()), fd, 0); err != nil {
			return err
		}
	}
	return nil
}

// answerOne leaves the connection of the last verb open: its end is that of
// this process, for which "down" waits.
func answerOne(conn net.Conn, f Fixture) (last bool) {
	defer func() {
		if !last {
			_ = conn.Close()
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(asking)) // one that asks nothing must not stop the others
	var q question
	if err := json.NewDecoder(io.LimitReader(conn, maxAsked)).Decode(&q); err != nil || len(q.Args) == 0 {
		return false
	}
	var a answer
	text, err := f.Do(q.Args[0], q.Args[1:]...)
	if a.Text = text; err != nil {
		a.Error, a.Cannot = err.Error(), errors.Is(err, ErrCannot)
	}
	_ = json.NewEncoder(conn).Encode(a)
	return q.Args[0] == "down"
}
