package discovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// overWire marshals and unmarshals in into a new message of its type.
func overWire[M proto.Message](t interface{ Fatal(...any) }, in, out M) M {
	raw, err := proto.Marshal(in)
	if err == nil {
		err = proto.Unmarshal(raw, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestInfoAndSelfCrossTheWire(t *testing.T) {
	info := Info{
		Name: "etcd", Version: "1", Capabilities: []Capability{CanWatch, CanRegister, CanClaim},
		ConfigSchema: []byte(`{}`), SecretPaths: []string{"password", "ssl.key"}, NeedsClusterKey: true,
		MinorMin: 2, MinorMax: 2,
	}
	if diff := cmp.Diff(info, infoFromWire(overWire(t, infoToWire(info), &v1.GetInfoResponse{}))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	self := Self{
		NodeUID: "u", Incarnation: 7, Name: "n@h", Role: "core",
		Endpoints: []Endpoint{{"::1", 4370}, {"h", 0}}, Attributes: map[string]string{"zone": "a"},
	}
	if diff := cmp.Diff(self, selfFromWire(overWire(t, selfToWire(self), &v1.Self{}))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestUnknownCapabilitiesAreLeftOut(t *testing.T) {
	got := infoFromWire(&v1.GetInfoResponse{Capabilities: []v1.Capability{-1, 0, 2, 4, 20, 1 << 30}})
	if diff := cmp.Diff([]Capability{CanRegister}, got.Capabilities); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestHealthCrossesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := func(name string) time.Time {
			return rapid.SampledFrom([]time.Time{{}, epochStart, epochStart.Add(time.Nanosecond)}).Draw(t, name)
		}
		sent := Health{
			Backend:     BackendState(rapid.IntRange(0, 3).Draw(t, "backend")),
			LastErrorAt: moment("error"), LastOKAt: moment("ok"),
			Registration: Registration{
				State: RegistrationState(rapid.IntRange(0, 2).Draw(t, "state")), Since: moment("since"),
				TTL: time.Duration(rapid.IntRange(0, 3600).Draw(t, "ttl")) * time.Second,
			},
			Notes: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 1, 3).Draw(t, "notes"),
		}
		if class := Class(rapid.IntRange(0, 10).Draw(t, "class")); class != NoClass {
			sent.LastError = Errorf(class, "what")
		}
		got := healthFromWire(overWire(t, healthToWire(sent), &v1.HealthResponse{}))
		if ClassOf(got.LastError) != ClassOf(sent.LastError) {
			t.Fatalf("class %v, want %v", got.LastError, sent.LastError)
		}
		if diff := cmp.Diff(sent, got, cmpopts.IgnoreFields(Health{}, "LastError")); diff != "" {
			t.Fatalf("-want +got\n%s", diff)
		}
	})
}

// What a plugin sends may be anything that protobuf can say.
func TestHostileNumbersAreKept(t *testing.T) {
	h := healthFromWire(&v1.HealthResponse{
		Backend: 99, LastErrorClass: -5, LastError: "x\n",
		Registration: &v1.Registration{State: 77, Ttl: &durationpb.Duration{Seconds: -1 << 60, Nanos: 1 << 30}},
		LastOkAt:     &timestamppb.Timestamp{Seconds: 1 << 62},
	})
	want := Health{LastError: &Error{Class: PluginInternal, Reason: "x "}}
	if diff := cmp.Diff(want, h, cmpopts.EquateComparable(Error{}), cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	a := answerFromWire(&v1.DiscoverResponse{
		Completeness: 9, NextPollHint: &durationpb.Duration{Seconds: 1 << 60},
		Candidates: []*v1.Candidate{{Endpoints: []*v1.Endpoint{{Host: "h"}}, Readiness: -3}},
	}, epochStart)
	if a.Completeness != Partial || a.NextPoll != maxHint || a.Candidates[0].Readiness != ReadinessUnknown {
		t.Errorf("answer %+v", a)
	}
	if ev := eventFromWire(&v1.WatchResponse{}); ev.Snapshot != nil || ev.Resync != "" || ev.Registration != nil {
		t.Errorf("an empty message is %+v", ev)
	}
	if ev := eventFromWire(&v1.WatchResponse{Event: &v1.WatchResponse_Resync{}}); ev.Resync == "" {
		t.Error("a resync without a reason is lost")
	}
}

func TestTextsAreBounded(t *testing.T) {
	many := make(map[string]string)
	var warnings []string
	for i := range 100 {
		many[fmt.Sprintf("k%02d", i)] = strings.Repeat("v", 1000)
		warnings = append(warnings, fmt.Sprint("w", i))
	}
	got := cleanAttributes(many)
	if len(got) != maxAttributes || len(got["k00"]) != maxText || got["k99"] != "" {
		t.Errorf("%d attributes", len(got))
	}
	kept := cleanAll(warnings)
	if len(kept) != maxWarnings || kept[maxWarnings-1] != "and 37 more" {
		t.Errorf("%d warnings, the last is %q", len(kept), kept[len(kept)-1])
	}
	if full := cleanAll(warnings[:maxWarnings]); full[maxWarnings-1] != "w63" {
		t.Errorf("a full list ends in %q", full[maxWarnings-1])
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":        "plain",
		"a\nb\tc":      "a b c",
		"a\x1b[31m":    "a [31m",
		"ü\xff":        "ü",
		"123456789é":   "123456789", // the cut goes through the last rune
		"\u202eevil":   " evil",
		"日本語":          "日本語",
		"0123456789ab": "0123456789",
	} {
		if got := clean(in, 10); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFromStatus(f *testing.F) {
	f.Add("seeds[1]", "reason", int32(1), int64(5))
	f.Fuzz(func(t *testing.T, path, reason string, class int32, seconds int64) {
		detail := &v1.ErrorDetail{
			Class: v1.ErrorClass(class), Path: strings.ToValidUTF8(path, ""), Reason: strings.ToValidUTF8(reason, ""),
			RetryAfter: &durationpb.Duration{Seconds: seconds},
		}
		var e Error
		e.Class = PluginInternal
		e.take(overWire(t, detail, &v1.ErrorDetail{}))
		var got *Error
		if !errors.As(fromStatus(toStatus(&e)), &got) || got.Class != e.Class || got.RetryAfter < 0 || strings.ContainsAny(got.Error(), "\n\r") {
			t.Fatalf("%+v became %+v", e, got)
		}
	})
}
