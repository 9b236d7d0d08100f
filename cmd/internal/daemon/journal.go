package daemon

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/journal"
)

// openJournal opens the log of what is to survive a restart.
func (d *daemon) openJournal() (err error) {
	dir := filepath.Join(d.conf.Node.DataDir, "journal")
	if d.conf.SessionStore != "local" {
		if _, err := os.Stat(dir); err == nil {
			d.log.Warn("session.store = memory: sessions and retained messages of earlier runs stay where they are, unused", "dir", dir)
		}
		return nil
	}
	d.journal, err = journal.New(journal.Options{
		Dir: dir, Sync: journal.Policy(d.conf.SessionFsync), Checkpoint: d.checkpoint, Logger: d.log,
	})
	if err != nil {
		return fmt.Errorf("%w: set node.data_dir to a directory that this user may write", err)
	}
	d.later(d.journal.Close)
	return nil
}

// keeper is the journal as those see it who append to it; nil: there is none.
func (d *daemon) keeper() core.Journal {
	if d.journal == nil {
		return nil
	}
	return d.journal
}

// The kinds of records that belong to the node; those of the MQTT front are
// below them.
const nodeKinds, noKinds = 0x40, 0x60

// recover gives node and front back what they had, before anybody can reach
// them.
func (d *daemon) recover() error {
	if d.journal == nil {
		return nil
	}
	err := d.journal.Recover(func(kind byte, record []byte) error {
		switch {
		case kind < nodeKinds:
			return d.broker.Recover(kind, record)
		case kind < noKinds:
			return d.node.Recover(kind, record)
		}
		return fmt.Errorf("kind %#02x is of a later version", kind)
	})
	if err != nil {
		return err
	}
	d.broker.RecoveredLanes(d.node.RecoveredLane)
	return d.broker.Resume(d.node.Formed())
}

// checkpoint writes the state of all owners when the journal is begun anew.
func (d *daemon) checkpoint(add func(kind byte, record []byte)) error {
	d.node.Checkpoint(add)
	return d.broker.Checkpoint()
}

// unready is node.Unready, and why the journal is not written.
func (d *daemon) unready() string {
	if d.journal != nil {
		if err := d.journal.Health(); err != nil {
			return "the journal cannot be written, so that publishes to sessions are not acknowledged: " + err.Error()
		}
	}
	return d.node.Unready()
}

// journalCounters are those of the journal, if there is one.
func (d *daemon) journalCounters() []core.Count {
	if d.journal == nil {
		return nil
	}
	return d.journal.Counters()
}

// hurry lets nobody wait for the disk any more: the process is about to end.
func (d *daemon) hurry() {
	if d.journal != nil {
		d.journal.Hurry()
	}
}
