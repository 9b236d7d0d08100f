package packet

// A connection that is idle needs no buffer:
//
//	if buf := r.Release(); buf != nil {
//		put(buf)
//	}
//	err := r.Wait() // as long as it takes
//	r.Attach(get())
//	p, err := r.Next() // and again while r.Buffered() > 0

// Buffered is the number of bytes that have been read and not yet handed out;
// they may be less than a packet.
func (r *Reader) Buffered() int { return r.w - r.r }

// Attach gives the Reader a buffer, which belongs to it from now on, and takes
// what was buffered over into it. A buffer that is not longer than what the
// Reader has already is not taken; false says so. The body of the last packet
// is no longer valid, unless Kept.
func (r *Reader) Attach(buf []byte) bool {
	if len(buf) <= len(r.buf) {
		return false
	}
	r.w = copy(buf, r.buf[r.r:r.w])
	r.r, r.buf = 0, buf
	return true
}

// Release hands the buffer back, so that someone else may have it; nil when
// there is none or more than a few bytes are in it. Without it the Reader
// works on, in 16 bytes, and longer packets are Kept. The body of the last
// packet is no longer valid, unless Kept.
func (r *Reader) Release() []byte {
	if len(r.buf) == len(r.small) || r.Buffered() > len(r.small) {
		return nil
	}
	buf := r.buf
	r.w = copy(r.small[:], buf[r.r:r.w])
	r.r, r.buf = 0, r.small[:]
	return buf
}

// Wait returns when bytes are buffered, or the error of the source, io.EOF at
// its end. It reads no more than the buffer holds: 16 bytes after Release.
func (r *Reader) Wait() error { return r.fill(1) }
