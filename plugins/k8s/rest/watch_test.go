package rest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// collect reads a stream and returns the types of its events.
func collect(text string) (types []string, err error) {
	err = events(strings.NewReader(text), func(ev Event) error {
		types = append(types, ev.Type)
		return nil
	})
	return types, err
}

func TestEvents(t *testing.T) {
	for _, x := range []struct {
		text string
		want []string
		err  error // nil: any, if ends is false
		ends bool
	}{
		{"", nil, nil, true},
		{`{"type":"ADDED","object":{}}` + "\n" + `{"type":"BOOKMARK","object":{}}{"type":"DELETED"}`, []string{"ADDED", "BOOKMARK", "DELETED"}, nil, true},
		{`{"type":"ADDED"}` + "\n" + `{"type":"MODI`, []string{"ADDED"}, io.ErrUnexpectedEOF, false},
		{`{"type":"ADDED"}x`, []string{"ADDED"}, ErrNonsense, false},
		{`{"type":"added"}`, nil, ErrNonsense, false},
		{`{}`, nil, ErrNonsense, false},
		{`7`, nil, ErrNonsense, false},
		{`{"type":7}`, nil, ErrNonsense, false},
		{`{"type":"ERROR","object":{"kind":"Status","code":410}}`, nil, nil, false},
		{`{"type":"ADDED","object":"` + strings.Repeat("x", maxEvent) + `"}`, nil, ErrNonsense, false},
	} {
		types, err := collect(x.text)
		if diff := cmp.Diff(x.want, types); diff != "" || (err == nil) != x.ends || x.err != nil && !errors.Is(err, x.err) {
			t.Errorf("%.60q: %v\n%s", x.text, err, diff)
		}
	}
	half := `{"type":"ADDED","object":"` + strings.Repeat("x", maxEvent/2) + `"}`
	if types, err := collect(half + half + half); err != nil || len(types) != 3 {
		t.Errorf("the bound is that of all events together: %v", err)
	}
	own := errors.New("own")
	if err := events(strings.NewReader(`{"type":"ADDED"}`), func(Event) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
}

// pipe is a client whose server is the other end of a connection in memory.
func pipe(t *testing.T) (*Client, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	c := New(Options{Server: parse(t, "http://h")})
	c.http.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	return c, far
}

// A watch that is silent for too long ends, whether it has begun or not; one
// that tells of something from time to time does not.
func TestSilence(t *testing.T) {
	for _, x := range []struct {
		name   string
		script []string // said one after the other, with a minute in between
		want   time.Duration
	}{
		{"no answer", nil, answerTime},
		{"no event", []string{head}, maxSilence},
		{"bookmarks", []string{head, chunk, chunk, chunk, chunk}, 4*time.Minute + maxSilence},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, far := pipe(t)
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
					t.Error(err)
				}
				for i, text := range x.script {
					if i > 0 {
						time.Sleep(time.Minute)
					}
					_, _ = io.WriteString(far, text)
				}
			}()
			began := time.Now()
			err := c.Watch(t.Context(), Call{Path: "/x"}, func(Event) error { return nil })
			if took := time.Since(began); !errors.Is(err, ErrSilent) || took != x.want {
				t.Errorf("%s: %v after %v", x.name, err, took)
			}
			_ = far.Close()
		})
	}
}

const (
	head  = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk = "1c\r\n" + `{"type":"BOOKMARK"}        ` + "\n\r\n"
)

// A watch that its caller ends says so, and one that the server ends in order
// is no error.
func TestEndsOfAWatch(t *testing.T) {
	_, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"type":"ADDED","object":{}}`)
		if r.URL.Path == "/stays" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	c := client(t, o)
	if err := c.Watch(t.Context(), Call{Path: "/x"}, func(Event) error { return nil }); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/stays", "/x"} { // the second ends by the server as well
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.Watch(ctx, Call{Path: path}, func(Event) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzEvents: any stream ends, and what it brings is of the four types.
func FuzzEvents(f *testing.F) {
	f.Add(`{"type":"ADDED","object":{"metadata":{}}}` + "\n")
	f.Add(`{"type":"ERROR","object":{"kind":"Status","code":410,"details":{"retryAfterSeconds":1e9}}}`)
	f.Add(`{"type":"BOOKMARK"}{"type":"DELETED"`)
	f.Fuzz(func(t *testing.T, text string) {
		err := events(strings.NewReader(text), func(ev Event) error {
			if ev.Type != "ADDED" && ev.Type != "MODIFIED" && ev.Type != "DELETED" && ev.Type != "BOOKMARK" {
				t.Fatalf("type %q", ev.Type)
			}
			return nil
		})
		var status *Status
		if errors.As(err, &status) && (len(status.Message) > maxMessage || status.RetryAfter < 0 || status.RetryAfter > maxRetryAfter) {
			t.Fatalf("%+v", status)
		}
		if s := decodeStatus([]byte(text)); s == nil || strings.ContainsAny(s.Error(), "\n\x1b") {
			t.Fatalf("%q", s)
		}
	})
}
