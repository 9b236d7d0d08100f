package strategy

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

var infoCases = []Case{
	{Name: "info.answers", Sentence: "GetInfo answers before Configure, within 2 s, with a name and a version", check: func(p *probe) {
		s := p.launch(1)
		began := time.Now()
		info, err := s.Info(p.ctx)
		p.must("GetInfo", err)
		p.within("GetInfo", time.Since(began), 2*time.Second)
		if info.Name == "" || info.Version == "" {
			p.fail("name %q, version %q", info.Name, info.Version)
		}
		if len(info.ConfigSchema) > 0 && !json.Valid(info.ConfigSchema) {
			p.fail("config_schema is not JSON")
		}
	}},
	{Name: "info.without-backend", Sentence: "GetInfo never touches the backend", check: func(p *probe) {
		p.fault("down", true)
		s := p.launch(1)
		_, err := s.Info(p.ctx)
		p.must("GetInfo while the backend is down", err)
	}},
	{Name: "info.contract", Sentence: "the plugin speaks minor version 0 of the contract", check: func(p *probe) {
		if min := p.job.info.MinorMin; min > discovery.ContractMinor {
			p.fail("contract_minor_min is %d", min)
		}
	}},
	{Name: "info.capabilities", Sentence: "a call whose capability is not declared answers UNSUPPORTED", check: checkUndeclared},
}

// checkUndeclared calls everything that the plugin does not declare.
func checkUndeclared(p *probe) {
	s := p.start(1)
	declared := map[discovery.Capability]bool{}
	for _, c := range p.job.info.Capabilities {
		declared[c] = true
	}
	for c, call := range map[discovery.Capability]func() error{
		discovery.CanWatch: func() error {
			return s.Watch(p.ctx, "", func(discovery.Event) error { return context.Canceled })
		},
		discovery.CanRegister: func() error {
			_, err := s.Register(p.ctx, s.self, time.Minute)
			return err
		},
		discovery.CanClaim: func() error {
			_, err := s.Claim(p.ctx, clusterIs, []byte("value"))
			return err
		},
	} {
		if !declared[c] {
			p.wantClass(capabilityNames[c], call(), discovery.Unsupported)
		}
	}
}

var configureCases = []Case{
	{Name: "configure.accepts", Sentence: "Configure accepts a good configuration within 10 s, and its normal form is JSON", check: func(p *probe) {
		s := p.launch(1)
		began := time.Now()
		applied, err := s.Configure(p.ctx, s.setup())
		p.must("Configure", err)
		p.within("Configure", time.Since(began), 10*time.Second)
		if len(applied.NormalForm) > 0 && !json.Valid(applied.NormalForm) {
			p.fail("normal_form is not JSON: %.100s", applied.NormalForm)
		}
		if applied.RestartRequired {
			p.fail("a first Configure asks for a restart")
		}
	}},
	{Name: "configure.refuses", Sentence: "a wrong configuration is INVALID_CONFIG and says where", check: func(p *probe) {
		if len(p.reply.Bad) == 0 {
			p.skip("the fixture names no wrong configuration")
		}
		for _, bad := range p.reply.Bad {
			p.refuses(bad)
		}
	}},
	{Name: "configure.unknown-key", Sentence: "a key that the plugin does not know is INVALID_CONFIG", check: func(p *probe) {
		text := bytes.TrimSpace(p.config)
		more := []byte(`{"no_such_key":1`)
		if inside := bytes.TrimSpace(text[1 : len(text)-1]); len(inside) > 0 {
			more = append(append(more, ','), inside...)
		}
		p.refuses(BadConfig{Config: append(more, '}')})
	}},
	{Name: "configure.again", Sentence: "a second Configure is a reload, or asks for a restart and changes nothing", check: func(p *probe) {
		s := p.start(1)
		for range 3 {
			applied, err := s.Configure(p.ctx, s.setup())
			p.must("Configure again", err)
			if _, _, err := s.discover(callTime); err != nil && discovery.ClassOf(err) != discovery.SourceNotFound {
				p.fail("Discover after it (restart_required = %v): %v", applied.RestartRequired, err)
			}
		}
	}},
	{Name: "configure.first", Sentence: "Discover before Configure is an error and harms nothing", check: func(p *probe) {
		s := p.launch(1)
		if _, _, err := s.discover(callTime); err == nil {
			p.fail("Discover before Configure succeeds")
		}
		s.configure()
		s.nobody()
	}},
}

// refuses checks one wrong configuration, with a process of its own.
func (p *probe) refuses(bad BadConfig) {
	s := p.launch(1)
	setup := s.setup()
	setup.Config = bad.Config
	_, err := s.Configure(p.ctx, setup)
	p.wantClass("Configure with "+string(bad.Config), err, discovery.ConfigInvalid)
	if got := pathOf(err); bad.Path != "" && got != bad.Path {
		p.fail("Configure with %s names the path %q, not %q: %v", bad.Config, got, bad.Path, err)
	}
	s.stop()
}
