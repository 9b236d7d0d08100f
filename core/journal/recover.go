package journal

import (
	"errors"
	"fmt"
	"slices"
)

// DamageError says where a log is damaged. Nothing of the log was changed.
type DamageError struct {
	File   string
	Offset int64 // in bytes
	Err    error
}

// Error says what to do as well.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d: %v: restore the directory, or move it away to start without what it holds", e.File, e.Offset, e.Err)
}

// Unwrap returns what is wrong there.
func (e *DamageError) Unwrap() error { return e.Err }

// Yield takes a record of the log, in order. The bytes are valid during the
// call. Its error ends the recovery.
type Yield func(kind byte, record []byte) error

// Recover reads the log and begins to write. A torn end, which is what a kill
// leaves, is cut off and counted. Anything else that is wrong is refused with
// its place, as a *DamageError where it is in a file, and then the Journal can
// only be closed.
func (j *Journal) Recover(yield Yield) error {
	r := recovery{j: j, yield: yield}
	defer r.close()
	if err := r.run(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.start()
	return nil
}

// recovery is the state of one Recover.
type recovery struct {
	j        *Journal
	yield    Yield
	buf      []byte
	next     uint64 // sequence number of the next batch; 0: not known yet
	first    uint64 // number of the first segment
	complete uint64 // number of the last segment that holds the whole state
	live     int64  // size of it
	last     segment
}

// segment is one that is open.
type segment struct {
	file   file
	header segmentHeader
	size   int64
	good   int64 // what is whole of it
}

func (r *recovery) run() error {
	numbers, err := r.list()
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if err := r.segment(n, i == len(numbers)-1); err != nil {
			return err
		}
	}
	if r.first > 1 && r.complete == 0 {
		return fmt.Errorf("the segments before %s are missing: restore them, or move the directory away to start without what it holds", nameOf(r.first))
	}
	return r.adopt()
}

// list returns the numbers of the segments, which must follow each other.
func (r *recovery) list() ([]uint64, error) {
	names, err := r.j.dir.names()
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := numberOf(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != numbers[0]+uint64(i) {
			return nil, fmt.Errorf("segment %s is missing: restore it, or move the directory away to start without what it holds", nameOf(n-1))
		}
	}
	if len(numbers) > 0 {
		r.first = numbers[0]
	}
	return numbers, nil
}

// segment reads a segment. It stays open if it is the last that has a header.
func (r *recovery) segment(number uint64, last bool) error {
	f, err := r.j.dir.open(nameOf(number))
	if err != nil {
		return err
	}
	s := segment{file: f, header: segmentHeader{number: number}}
	if s.size, err = f.size(); err == nil {
		err = r.header(&s)
	}
	if errors.Is(err, errTorn) && last && (number == 1 || number > r.first) {
		r.j.count.cut.Add(uint64(s.size))
		return errors.Join(f.Close(), r.j.dir.remove(nameOf(number)), r.j.dir.sync())
	}
	r.close()
	r.last = s // closed at the end, whatever happens
	if err != nil {
		return r.damage(s, 0, err)
	}
	r.j.sizes.grow(number, headerSize)
	return r.batches(&r.last, last)
}

func (r *recovery) header(s *segment) error {
	head := make([]byte, min(s.size, headerSize))
	if _, err := s.file.ReadAt(head, 0); err != nil && len(head) > 0 {
		return err
	}
	h, err := decodeHeader(head)
	switch {
	case err == errTorn && s.size > headerSize:
		return errors.New("the header is zeros")
	case err != nil:
		return err
	case h.number != s.header.number:
		return fmt.Errorf("this is segment %s under another name", nameOf(h.number))
	case r.next != 0 && h.first != r.next:
		return fmt.Errorf("it begins with batch %d, and the segment before ends with %d", h.first, r.next-1)
	}
	s.header, s.good, r.next = h, headerSize, h.first
	return nil
}

// batches yields every record of a segment.
func (r *recovery) batches(s *segment, last bool) error {
	for s.good < s.size {
		n, err := r.read(s, s.good, r.next)
		var bad *badBatch
		if errors.As(err, &bad) && last {
			return r.tear(s, err)
		}
		if err == nil {
			err = r.records(s, n)
		}
		if err != nil {
			return r.damage(*s, s.good, err)
		}
		r.next++
		s.good += n
		r.j.sizes.grow(s.header.number, n)
	}
	return nil
}

// badBatch says why bytes are not the batch that is expected, as opposed to
// not being readable at all.
type badBatch struct{ why string }

// Error implements error.
func (b *badBatch) Error() string { return b.why }

// records yields the records of the batch in buf, of n bytes.
func (r *recovery) records(s *segment, n int64) error {
	for rest := r.buf[batchSize:]; len(rest) > 0; {
		kind, record, after, err := cutRecord(rest)
		switch {
		case err != nil:
		case kind >= OwnerKinds:
			r.j.count.recovered.Add(1)
			err = r.yield(kind, record)
		case kind == kindEnd:
			r.complete, r.live = s.header.number, s.good+n
		default:
			err = fmt.Errorf("record of kind %#02x, which this program does not know", kind)
		}
		if err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// damage is err with its place.
func (r *recovery) damage(s segment, offset int64, err error) error {
	return &DamageError{File: r.j.path(s.header.number), Offset: offset, Err: err}
}

// adopt deletes what is older than the last whole state and goes on where the
// log ends.
func (r *recovery) adopt() error {
	j := r.j
	if r.complete > 0 {
		j.live.Store(r.live)
		if err := j.deleteBefore(r.complete); err != nil {
			return err
		}
	}
	if r.next > 0 {
		j.out.seq = r.next
	}
	if s := r.last; s.file != nil {
		j.segment = s.header.number
		j.out.file, j.out.header, j.out.good = s.file, s.header, s.good
		r.last.file = nil // it is the output's now
	}
	return nil
}

// close gives up the file that is open.
func (r *recovery) close() {
	if r.last.file != nil {
		_ = r.last.file.Close() // only read
		r.last.file = nil
	}
}
