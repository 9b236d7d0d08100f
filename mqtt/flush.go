package mqtt

import "time"

// flush writes what has gathered, without waiting; it is called by a writer.
// What the socket does not take, a goroutine of its own goes on with.
func (o *outbox) flush(w *writing) {
	p, starved := o.swap()
	if p.buf == nil {
		return
	}
	if starved {
		o.guardedRoom()
	}
	w.parcel = p
	if err := o.c.source.raw.Write(w.try); err != nil {
		w.err = err
	}
	p, w.parcel = w.parcel, parcel{}
	switch {
	case w.err != nil:
		p.release()
		o.fail(w.err)
	case len(p.next()) > 0:
		go o.drain(p)
	default:
		p.release()
		if o.more() {
			o.c.broker.writers.enqueue(o)
		}
	}
}

// drain writes p, which may be empty, and then whatever has gathered, until
// nothing is left, and waits for the client meanwhile.
func (o *outbox) drain(p parcel) {
	defer func() {
		if v := recover(); v != nil {
			o.fail(newPanicError(v))
		}
	}()
	for {
		if p.buf == nil {
			// So that the next write, which does not wait, does not fail for it.
			_ = o.c.nc.SetWriteDeadline(time.Time{})
			var starved bool
			p, starved = o.swap()
			if p.buf == nil {
				return
			}
			if starved {
				o.c.roomInOut()
			}
		}
		err := o.write(&p)
		p.release()
		if err != nil {
			o.fail(err)
			return
		}
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
func (o *outbox) write(p *parcel) error {
	for b := p.next(); len(b) > 0; b = p.next() {
		b = b[:min(len(b), chunk)]
		if err := o.c.nc.SetWriteDeadline(time.Now().Add(o.c.broker.limits.WriteTimeout)); err != nil {
			return err
		}
		if _, err := o.c.nc.Write(b); err != nil {
			return err
		}
		p.took(len(b))
	}
	return nil
}
