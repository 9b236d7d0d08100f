package tcp

import (
	"context"
	"log/slog"
	"time"
)

const day = 24 * time.Hour

// stages are how long before its end a certificate is warned of, once each.
var stages = [...]time.Duration{30 * day, 7 * day, 1 * day, 0}

// stageOf returns how many of the stages a certificate has passed. Those that
// are longer than a third of its life are left out: a certificate of a day is
// not an alarm from its first hour.
func stageOf(now, since, until time.Time) (stage int) {
	for i, before := range stages {
		if 3*before <= until.Sub(since) && until.Sub(now) <= before {
			stage = i + 1
		}
	}
	return stage
}

// watch looks at the files until ctx ends.
func (t *TLS) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(t.opts.Every)
	defer tick.Stop()
	t.look(time.Now(), log)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.look(time.Now(), log)
		}
	}
}

// look takes new files over once they have stayed the same for two looks: a
// certificate and its key do not change in one step. What cannot be used
// changes nothing, and is complained about once.
func (t *TLS) look(now time.Time, log *slog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh(log)
	m := t.current.Load()
	valid := m.valid.at(now)
	if stage := stageOf(now, valid.begun, valid.until); stage > t.stage {
		t.stage = stage
		text := "the certificate for other nodes ends soon: renew it, the files are read while the node runs"
		if stage == len(stages) {
			text = "the certificate for other nodes has ended: those that verify it refuse this node until its files are renewed"
		}
		log.Warn(text, "file", t.opts.CertFile, "end", valid.until.UTC(), "left", valid.until.Sub(now).Round(time.Minute))
	}
	if m.doubt != t.told {
		if t.told = m.doubt; m.doubt != "" {
			log.Error("other nodes will refuse this node's certificate", "why", m.doubt)
		}
	}
}

func (t *TLS) refresh(log *slog.Logger) {
	p, err := t.opts.read()
	if err != nil {
		if err.Error() != t.missing {
			t.missing = err.Error()
			log.Error("the certificate for other nodes cannot be read again: the node goes on with what it has", "error", err)
		}
		return
	}
	t.missing = ""
	stable := p.equal(t.seen)
	t.seen = p
	if p.equal(t.current.Load().from) {
		t.failed = pems{}
	}
	if !stable || p.equal(t.current.Load().from) || p.equal(t.failed) {
		return
	}
	m, err := t.opts.parse(p)
	if err != nil {
		t.failed = p
		log.Error("the new certificate for other nodes cannot be used: the node goes on with the one that it has", "error", err)
		return
	}
	t.failed, t.stage = pems{}, 0
	t.current.Store(m)
	log.Info("the certificate for other nodes was read again: new links use it", "file", t.opts.CertFile, "end", t.Until().UTC())
}
