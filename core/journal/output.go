package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// output is what the writer has open. Only the writer uses it while it runs.
type output struct {
	dir    directory
	policy Policy
	sizes  *sizes

	file   file
	header segmentHeader
	good   int64 // length of what is whole in the file
	torn   bool  // there may be more than that
	seq    uint64

	oldest   time.Time // when the oldest batch that is not synced was written; zero: all are
	unsynced error     // why the last sync of the interval failed
}

// put writes a batch, as a whole or not at all.
func (o *output) put(b batch) error {
	if err := o.turn(b.segment); err != nil {
		return fmt.Errorf("begin segment %s: %w", nameOf(b.segment), err)
	}
	if err := o.mend(); err != nil {
		return err
	}
	sealBatch(b.bytes, o.header.mark, o.seq)
	if _, err := o.file.WriteAt(b.bytes, o.good); err != nil {
		return errors.Join(o.undo(err), o.mend())
	}
	if b.sync || o.policy == Always {
		// What a sync that failed has lost is not known: write it again.
		if err := o.file.Sync(); err != nil {
			return errors.Join(o.undo(err), o.mend())
		}
		o.oldest, o.unsynced = time.Time{}, nil
	} else if o.oldest.IsZero() {
		o.oldest = time.Now()
	}
	o.seq++
	o.good += int64(len(b.bytes))
	o.sizes.grow(b.segment, int64(len(b.bytes)))
	return nil
}

func (o *output) undo(err error) error {
	o.torn = true
	return fmt.Errorf("write at byte %d of %s: %w", o.good, nameOf(o.header.number), err)
}

// mend cuts off what a failed write has left.
func (o *output) mend() error {
	if !o.torn {
		return nil
	}
	if err := o.file.Truncate(o.good); err != nil {
		return fmt.Errorf("cut %s back to %d bytes: %w", nameOf(o.header.number), o.good, err)
	}
	o.torn = false
	return nil
}

// turn makes a segment the one that is written. What was written to the one
// before is synced first, so that only the last segment can ever be torn.
func (o *output) turn(number uint64) error {
	if o.file != nil && o.header.number == number {
		return nil
	}
	if o.file != nil {
		if err := errors.Join(o.mend(), o.file.Sync()); err != nil {
			return err
		}
		o.oldest, o.unsynced = time.Time{}, nil
	}
	f, h, err := o.begin(number)
	if err != nil {
		return err
	}
	if o.file != nil {
		_ = o.file.Close() // synced
	}
	o.file, o.header, o.good, o.torn = f, h, headerSize, false
	o.sizes.grow(number, headerSize)
	return nil
}

// begin makes a segment with its header, both with the device.
func (o *output) begin(number uint64) (file, segmentHeader, error) {
	h := segmentHeader{number: number, first: o.seq}
	_, _ = rand.Read(h.mark[:]) // never fails (crypto/rand)
	f, err := o.dir.open(nameOf(number))
	if err != nil {
		return nil, h, err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(h.encode(), 0)
	}
	if err == nil {
		err = errors.Join(f.Sync(), o.dir.sync())
	}
	if err != nil {
		return nil, h, errors.Join(err, f.Close())
	}
	return f, h, nil
}

// sync hands what is written to the device.
func (o *output) sync() error {
	if o.file == nil || o.oldest.IsZero() {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		o.oldest = time.Now() // the next try is an interval away
		o.unsynced = fmt.Errorf("sync %s: %w", nameOf(o.header.number), err)
		return o.unsynced
	}
	o.oldest, o.unsynced = time.Time{}, nil
	return nil
}

// due returns when the sync of the interval is due, false for never.
func (o *output) due() (time.Duration, bool) {
	if o.policy <= 0 || o.oldest.IsZero() {
		return 0, false
	}
	return time.Until(o.oldest.Add(time.Duration(o.policy))), true
}

// close syncs and closes the file.
func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	return errors.Join(o.sync(), o.file.Close())
}
