package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/conformance/mutants/internal/dirbackend"
	"github.com/muster-mqtt/muster/conformance/strategy"
	"github.com/muster-mqtt/muster/discovery/discoverytest/program"
)

// subject is the program under test, built once.
var subject string

func TestMain(m *testing.M) { os.Exit(program.Main(m, "mutants", &subject)) }

// fixture is the backend of the mutants, in this process.
type fixture struct{ dir dirbackend.Dir }

var _ strategy.Fixture = fixture{}

const password = "s3cret-of-the-fixture"

func newFixture(dir string) (strategy.Fixture, error) { return fixture{dirbackend.Dir(dir)}, nil }

func (f fixture) Do(_ context.Context, verb string, args ...string) (strategy.Reply, error) {
	switch verb {
	case strategy.Up:
		return f.up()
	case strategy.Down:
		return strategy.Reply{}, nil
	case strategy.Seed:
		var e dirbackend.Entry
		if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
			return strategy.Reply{}, err
		}
		return strategy.Reply{}, f.dir.Put(e)
	case strategy.Remove:
		return strategy.Reply{}, f.dir.Delete(args[0])
	case strategy.Fault:
		return strategy.Reply{}, f.dir.SetFault(args[0], args[1] == "on")
	case strategy.Inspect:
		return f.inspect()
	}
	return strategy.Reply{}, fmt.Errorf("%w: %s", strategy.ErrCannot, verb)
}

func (f fixture) up() (strategy.Reply, error) {
	config := func(more string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"dir":%q,"password":%q%s}`, string(f.dir), password, more))
	}
	return strategy.Reply{
		Config: config(""), Secrets: []string{password},
		Bad: []strategy.BadConfig{
			{Config: json.RawMessage(`{}`), Path: "dir"},
			{Config: config(`,"pace":0`), Path: "pace"},
			{Config: json.RawMessage(`{"dir":7}`)},
		},
	}, f.dir.Make()
}

func (f fixture) inspect() (r strategy.Reply, err error) {
	entries, err := f.dir.Entries(time.Now())
	claims, bad := f.dir.Claims()
	r.Entries, r.Claims = dirbackend.Keys(entries), claims
	return r, errors.Join(err, bad)
}

// proving says that this run is one of the long proofs.
var proving = os.Getenv("MUSTER_PROVE") != ""

// The healthy plugin passes every case, in a proof 20 times in a row.
func TestHealthy(t *testing.T) {
	trials := 1
	if proving {
		trials = 20
	}
	for i := range trials {
		report := check(t, "", "")
		if report.Failed > 0 || report.Skipped > 0 || report.Passed != len(strategy.Cases()) {
			t.Fatalf("run %d: %s\n%s", i+1, report.Summary(), failures(report))
		}
	}
}

// failing are the cases that each fault must fail; all others pass.
var failing = map[string][]string{
	"drops-self":                {"discover.self", "register.deregisters"},
	"hides-not-ready":           {"discover.not-ready"},
	"duplicates":                {"discover.merges"},
	"stale-cache":               {"discover.fresh", "register.expires"},
	"denied-as-empty":           {"failure.denied"},
	"down-as-empty":             {"failure.down", "failure.started-down", "health.answers"},
	"wrong-class":               {"claim.down", "failure.down", "failure.started-down", "health.answers", "register.fails-down"},
	"health-lies":               {"health.answers"},
	"ignores-cancellation":      {"discover.cancelled-midway"},
	"leaks-descriptors":         {"discover.cancelled-midway", "failure.leaks", "process.leaks"},
	"leaks-on-failure":          {"discover.cancelled-midway", "failure.leaks"},
	"chatty-stdout":             {"process.stdout"},
	"leaks-grandchild":          {"process.no-children"},
	"tells-secret":              {"process.secrets"},
	"lenient-configuration":     {"configure.refuses", "configure.unknown-key"},
	"silent-watch":              {"watch.changes", "watch.coalesced"},
	"partial-watch":             {"watch.changes", "watch.coalesced"},
	"deaf-watch":                {"watch.reset"},
	"forgets-to-register-again": {"register.restored"},
	"forgets-to-renew":          {"register.lost-is-told", "register.renews", "register.restored"},
	"keeps-entry":               {"register.deregisters"},
	"registers-twice":           {"register.again", "register.deregisters", "register.restart"},
	"both-claims-win":           {"claim.contest"},
	"claim-lost-at-restart":     {"claim.contest", "claim.first", "claim.survives-plugin"},
	"unclaims-anything":         {"claim.unclaim"},
	"claims-collide":            {"claim.keys"},
}

func TestMutants(t *testing.T) {
	if len(failing) != len(faults) {
		t.Errorf("%d faults, %d of them with their cases", len(faults), len(failing))
	}
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			report := check(t, fault, only(failing[fault]))
			var got []string
			for _, r := range report.Results {
				if r.Status == strategy.Failed {
					got = append(got, r.Case)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(failing[fault], got); diff != "" {
				t.Errorf("failed cases (-want +got):\n%s%s", diff, failures(report))
			}
		})
	}
}

// only narrows a run to the cases of one group when all that are meant for a
// fault are in it; the long proof runs all of them.
func only(cases []string) string {
	if proving {
		return ""
	}
	group, _, _ := strings.Cut(cases[0], ".")
	for _, c := range cases {
		if !strings.HasPrefix(c, group+".") {
			return ""
		}
	}
	return group + "."
}

func check(t *testing.T, fault, only string) strategy.Report {
	t.Helper()
	o := strategy.Options{Plugin: subject, Fixture: newFixture, Scratch: t.TempDir(), Only: only, Parallel: 16}
	if fault != "" {
		o.Args = []string{"--fault", fault}
	}
	report, err := strategy.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func failures(r strategy.Report) string {
	var b strings.Builder
	for _, x := range r.Results {
		if x.Status != strategy.Passed {
			b.WriteString(strategy.Line(x))
		}
	}
	return b.String()
}
