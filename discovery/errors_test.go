package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestErrorsCrossTheWire(t *testing.T) {
	for class := ConfigInvalid; class <= PluginInternal; class++ {
		sent := &Error{Class: class, Path: "seeds[1]", Reason: "what", RetryAfter: time.Second, HolderUID: "u"}
		st := toStatus(fmt.Errorf("around: %w", sent))
		if got := status.Code(st); got != classCodes[class] {
			t.Errorf("%v travels as %v, want %v", class, got, classCodes[class])
		}
		var got *Error
		if !errors.As(fromStatus(st), &got) {
			t.Fatalf("%v came back as %T", class, fromStatus(st))
		}
		got.err = nil
		if *got != *sent {
			t.Errorf("sent %+v, got %+v", sent, got)
		}
	}
}

func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Class
	}{
		{nil, NoClass},
		{context.Canceled, NoClass},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), Timeout},
		{io.EOF, PluginInternal},
		{fmt.Errorf("x: %w", Errorf(Auth, "no")), Auth},
		{InvalidConfig("a.b", "no"), ConfigInvalid},
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("ClassOf(%v) = %v, want %v", c.err, got, c.want)
		}
		if got := ClassOf(fromStatus(toStatus(c.err))); got != c.want {
			t.Errorf("%v over the wire is %v, want %v", c.err, got, c.want)
		}
	}
}

// A plugin in another language may send no detail, or a wrong one.
func TestForeignStatuses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Class
	}{
		{status.Error(codes.PermissionDenied, ""), Auth},
		{status.Error(codes.Unavailable, "x"), BackendUnavailable},
		{status.Error(codes.ResourceExhausted, "slow down"), RateLimited},
		{status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"), PluginInternal},
		{status.Error(codes.Unknown, "x"), PluginInternal},
		{status.Error(codes.DataLoss, "x"), PluginInternal},
		{toStatus(&Error{Class: 77, Reason: "x"}), PluginInternal},
		{io.ErrUnexpectedEOF, PluginInternal},
	} {
		if got := ClassOf(fromStatus(c.err)); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := InvalidConfig("seeds[1]", "port %d", 70000)
	if got, want := err.Error(), "INVALID_CONFIG: seeds[1]: port 70000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	cause := io.ErrClosedPipe
	if err := Errorf(Auth, "token: %w", cause); !errors.Is(err, cause) || err.Error() != "AUTH: token: "+cause.Error() {
		t.Errorf("Errorf lost its cause: %v", err)
	}
	if Class(200).String() != "PLUGIN_INTERNAL" {
		t.Error("an unknown class needs a name")
	}
	long := fromStatus(toStatus(Errorf(Auth, "%s\n\x00\xff", strings.Repeat("é", maxReason))))
	if n := len(long.Error()); n > maxReason+10 || strings.ContainsAny(long.Error(), "\n\x00") {
		t.Errorf("a reason of %d bytes got through, or is no single line", n)
	}
	if !errors.Is(fromStatus(status.Error(codes.DeadlineExceeded, "")), context.DeadlineExceeded) {
		t.Error("a timeout must be a context.DeadlineExceeded")
	}
}

func TestDecode(t *testing.T) {
	type conf struct {
		Seeds []string
		Deep  struct{ N int }
	}
	for _, c := range []struct{ in, path, reason string }{
		{``, "", ""},
		{`null`, "", ""},
		{`{"seeds":["a"]}`, "", ""},
		{`{"seeds":1}`, "seeds", "number"},
		{`{"deep":{"n":"x"}}`, "deep.n", "string"},
		{`{"sedes":[]}`, "sedes", "unknown key"},
		{`[1]`, "", "array"},
		{`{} {}`, "", "after"},
		{`{"seeds`, "", "JSON"},
	} {
		var v conf
		err := Setup{Config: []byte(c.in)}.Decode(&v)
		var e *Error
		if c.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", c.in, err)
			}
			continue
		}
		if !errors.As(err, &e) || e.Class != ConfigInvalid || !strings.EqualFold(e.Path, c.path) || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%s: got %v, want %q at %q", c.in, err, c.reason, c.path)
		}
	}
}
