package strategy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core/pluginhost"
	"github.com/muster-mqtt/muster/discovery"
)

// The time limits of the contract, and what a busy machine adds to them.
const (
	prompt    = 250 * time.Millisecond // after a cancellation or a deadline
	slack     = 2 * time.Second
	startTime = time.Minute // a node waits 5 s; an interpreter needs more when many start at once
	callTime  = 5 * time.Second
	changes   = 10 * time.Second // until a change of the backend is told
	clusterIs = "conformance"
)

// probe is one case at work: a fixture, and the plugin processes that the case
// starts. A case ends itself by fail or skip.
type probe struct {
	ctx     context.Context
	job     job
	dir     string
	fixture Fixture
	reply   Reply // of "up"
	config  json.RawMessage

	subjects []*subject
	made     int // run directories
	failure  string
	skipped  string
	isUp     bool
}

func newProbe(ctx context.Context, j job, dir string) (*probe, error) {
	state := filepath.Join(dir, "f")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	f, err := j.o.Fixture(state)
	if err != nil {
		return nil, fmt.Errorf("fixture: %w", err)
	}
	return &probe{ctx: ctx, job: j, dir: dir, fixture: f}, nil
}

// attempt runs f in a goroutine that fail and skip can end.
func (p *probe) attempt(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// close ends the processes and the backend, in this order, whatever happened.
func (p *probe) close() {
	for _, s := range p.subjects {
		s.stop()
	}
	if p.isUp {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), fixtureTime)
		defer cancel()
		if _, err := p.fixture.Do(ctx, Down); err != nil && p.failure == "" {
			p.failure = err.Error()
		}
	}
}

func (p *probe) outcome() (Status, string) {
	switch {
	case p.failure != "":
		return Failed, p.failure
	case p.skipped != "":
		return Skipped, p.skipped
	}
	return Passed, ""
}

func (p *probe) fail(format string, args ...any) {
	p.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (p *probe) skip(format string, args ...any) {
	p.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// must ends the case if err is an error.
func (p *probe) must(what string, err error) {
	if err != nil {
		p.fail("%s: %v", what, err)
	}
}

// do carries out a verb; what the fixture cannot do skips the case.
func (p *probe) do(verb string, args ...string) Reply {
	r, err := p.fixture.Do(p.ctx, verb, args...)
	switch {
	case errors.Is(err, ErrCannot):
		p.skip("%v", err)
	case err != nil:
		p.fail("%v", err)
	}
	if len(r.Config) > 0 {
		p.config = r.Config
	}
	return r
}

func (p *probe) up() {
	p.reply = p.do(Up)
	p.isUp = true
	if len(p.config) == 0 {
		p.fail("fixture up: printed no config")
	}
}

func (p *probe) has(trait string) bool { return slices.Contains(p.reply.Traits, trait) }

// seed adds entries and gives the plugins a changed configuration.
func (p *probe) seed(entries ...Entry) {
	for _, e := range entries {
		text, err := json.Marshal(e)
		p.must("an entry", err)
		p.changed(p.do(Seed, string(text)))
	}
}

func (p *probe) remove(e Entry) { p.changed(p.do(Remove, e.UID)) }

func (p *probe) fault(name string, on bool) {
	state := "off"
	if on {
		state = "on"
	}
	p.changed(p.do(Fault, name, state))
}

// changed configures every plugin again if the fixture gave a configuration.
func (p *probe) changed(r Reply) {
	if len(r.Config) == 0 {
		return
	}
	for _, s := range p.subjects {
		if s.configured {
			s.configure()
		}
	}
}

// node is an entry like those of real nodes.
func node(n int) Entry {
	return Entry{
		UID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Name: fmt.Sprintf("n%d@127.0.0.%d", n, n),
		Host: fmt.Sprintf("127.0.0.%d", n), Port: 4370 + n, Ready: true,
	}
}

// subject is one plugin process.
type subject struct {
	*discovery.Client
	p          *probe
	life       *pluginhost.Life
	self       discovery.Self
	configured bool
}

// launch starts a plugin for the node numbered n, without configuring it.
func (p *probe) launch(n int) *subject {
	o := hostOptions(p.job.o, filepath.Join(p.dir, fmt.Sprint("p", p.made)))
	p.made++
	life, err := pluginhost.Launch(p.ctx, o)
	p.must("the plugin does not start", err)
	e := node(n)
	s := &subject{Client: life.Client(), p: p, life: life, self: discovery.Self{
		NodeUID: e.UID, Incarnation: 1, Name: e.Name, Role: "core",
		Endpoints: []discovery.Endpoint{{Host: e.Host, Port: uint16(e.Port)}},
	}}
	p.subjects = append(p.subjects, s)
	return s
}

// start starts and configures a plugin for the node numbered n.
func (p *probe) start(n int) *subject {
	s := p.launch(n)
	s.configure()
	return s
}

func (s *subject) setup() discovery.Setup {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	out := discovery.Setup{Config: s.p.config, Self: s.self, ClusterName: clusterIs}
	if s.p.job.info.NeedsClusterKey {
		out.ClusterKey = key
	}
	return out
}

// configure hands the present configuration over, in a new process if that is
// what the plugin asks for.
func (s *subject) configure() {
	ctx, cancel := context.WithTimeout(s.p.ctx, 10*time.Second)
	defer cancel()
	applied, err := s.Configure(ctx, s.setup())
	s.p.must("Configure", err)
	if applied.RestartRequired {
		if !s.configured {
			s.p.fail("a first Configure asks for a restart")
		}
		s.restart()
		s.configured = false
		s.configure()
	}
	s.configured = true
}

// restart replaces the process.
func (s *subject) restart() {
	s.life.Stop(false)
	fresh := s.p.launch(0)
	s.p.subjects = s.p.subjects[:len(s.p.subjects)-1]
	s.life, s.Client = fresh.life, fresh.Client
}

func (s *subject) stop() { s.life.Stop(false) }
