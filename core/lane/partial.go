package lane

import (
	"errors"
	"fmt"
)

// ErrParts refuses a part that cannot be, or one too many. The link must be
// closed.
var ErrParts = errors.New("lane: impossible part of a long message")

// maxWhole bounds the long messages of which a part has come.
const maxWhole = 1024

// partial is the long messages of which not everything has come, or that
// nobody has asked for yet.
type partial struct {
	limit, held int // bytes
	whole       map[uint64]*whole
}

type whole struct {
	body  []byte
	total int
}

func (p *partial) clear() {
	clear(p.whole)
	p.held = 0
}

// Part takes in a part. One that is there already changes nothing, and so does
// one behind a gap: it will come again, since the message that refers to it is
// not accepted. Errors wrap ErrParts.
func (r *Receiver) Part(p Part, body []byte) error {
	if p.Total <= 0 || p.Offset < 0 || len(body) == 0 || p.Offset > p.Total-len(body) {
		return fmt.Errorf("%w: %d bytes at %d of %d", ErrParts, len(body), p.Offset, p.Total)
	}
	w := r.parts.whole[p.ID]
	switch {
	case w == nil && p.Offset > 0:
		return nil
	case w == nil:
		if len(r.parts.whole) >= maxWhole {
			return fmt.Errorf("%w: more than %d long messages at a time", ErrParts, maxWhole)
		}
		w = &whole{total: p.Total}
		r.parts.whole[p.ID] = w
	case w.total != p.Total:
		return fmt.Errorf("%w: %d bytes in all, and before %d", ErrParts, p.Total, w.total)
	}
	if p.Offset != len(w.body) {
		return nil
	}
	if r.parts.held += len(body); r.parts.held > r.parts.limit {
		return fmt.Errorf("%w: more than %d bytes of long messages at a time", ErrParts, r.parts.limit)
	}
	w.body = append(w.body, body...)
	return nil
}

// Whole returns a long message, and true if all of it has come. It belongs to
// the caller, who takes it only when the message that refers to it is next.
func (r *Receiver) Whole(id uint64) ([]byte, bool) {
	w := r.parts.whole[id]
	if w == nil || len(w.body) < w.total {
		return nil, false
	}
	r.Forget(id)
	return w.body, true
}

// Forget drops what has come of a long message that was accepted before.
func (r *Receiver) Forget(id uint64) {
	if w := r.parts.whole[id]; w != nil {
		delete(r.parts.whole, id)
		r.parts.held -= len(w.body)
	}
}
