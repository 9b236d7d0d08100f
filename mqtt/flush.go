package mqtt

import "time"

// flush writes what has gathered, without waiting; it is called by a writer.
// What the socket does not take, a goroutine of its own goes on with.
func (o *outbox) flush(w *writing) {
	buf, starved := o.swap()
	if buf == nil {
		return
	}
	if starved {
		o.guardedRoom()
	}
	w.b = *buf
	if err := o.c.source.raw.Write(w.try); err != nil {
		w.n, w.err = 0, err
	}
	w.b = nil
	switch {
	case w.err != nil:
		release(buf)
		o.fail(w.err)
	case w.n < len(*buf):
		go o.drain(&rest{buf, w.n})
	default:
		release(buf)
		if o.more() {
			o.c.broker.writers.enqueue(o)
		}
	}
}

// rest is what is left of a buffer to be written.
type rest struct {
	buf  *[]byte
	from int
}

// drain writes until nothing is left, and waits for the client meanwhile.
func (o *outbox) drain(r *rest) {
	defer func() {
		if p := recover(); p != nil {
			o.fail(newPanicError(p))
		}
	}()
	for {
		if r == nil {
			// So that the next write, which does not wait, does not fail for it.
			_ = o.c.nc.SetWriteDeadline(time.Time{})
			buf, starved := o.swap()
			if buf == nil {
				return
			}
			r = &rest{buf: buf}
			if starved {
				o.c.roomInOut()
			}
		}
		err := o.write((*r.buf)[r.from:])
		release(r.buf)
		if err != nil {
			o.fail(err)
			return
		}
		r = nil
	}
}

// fail ends the flush, and everything after it, for err.
func (o *outbox) fail(err error) {
	o.c.end(err, endWrite)
	o.close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushing = false
	o.flushes.Done()
}

// guardedRoom tells of room; a panic in it costs this connection, not the writer.
func (o *outbox) guardedRoom() {
	defer func() {
		if p := recover(); p != nil {
			o.c.end(newPanicError(p), endInternal)
		}
	}()
	o.c.roomInOut()
}

// write sends in chunks, so that the timeout means a rate and not a size.
func (o *outbox) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), chunk)
		if err := o.c.nc.SetWriteDeadline(time.Now().Add(o.c.broker.limits.WriteTimeout)); err != nil {
			return err
		}
		if _, err := o.c.nc.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func release(buf *[]byte) {
	if cap(*buf) <= chunk {
		*buf = (*buf)[:0]
		outBuffers.Put(buf)
	}
}
