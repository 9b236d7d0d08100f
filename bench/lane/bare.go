package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// A frame of the bare kind is its length in four bytes and that many bytes; a
// first byte of 1 asks for an answer.
const (
	bareBuffer = 64 << 10 // bytes of one write, and of one read
	bareHead   = 4
	bareLong   = 1 << 16 // bytes of the longest frame
)

// bareSender writes frames.
type bareSender struct {
	conn  net.Conn
	w     *bufio.Writer
	frame []byte
	reply [1]byte
}

var _ sender = (*bareSender)(nil)

func nearBare(ctx context.Context, addr string) (sender, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &bareSender{conn: conn, w: bufio.NewWriterSize(conn, bareBuffer)}, nil
}

func (s *bareSender) write(kind byte, size int) error {
	s.frame = binary.BigEndian.AppendUint32(s.frame[:0], uint32(size))
	s.frame = append(append(s.frame, kind), make([]byte, size-1)...)
	_, err := s.w.Write(s.frame)
	return err
}

func (s *bareSender) send(_ context.Context, messages, size int) error {
	for range messages {
		if err := s.write(0, size); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

func (s *bareSender) ask(_ context.Context, size int) error {
	if err := errors.Join(s.write(1, size), s.w.Flush()); err != nil {
		return err
	}
	_, err := io.ReadFull(s.conn, s.reply[:])
	return err
}

func (s *bareSender) close() error { return s.conn.Close() }

// bareReceiver reads frames of one connection.
type bareReceiver struct {
	ln    net.Listener
	tally tally
	done  chan struct{}
}

var _ receiver = (*bareReceiver)(nil)

func farBare(ctx context.Context) (receiver, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &bareReceiver{ln: ln, tally: newTally(), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if conn, err := ln.Accept(); err == nil {
			_ = r.read(conn) // its end is the end of the run
			_ = conn.Close()
		}
	}()
	return r, nil
}

func (r *bareReceiver) read(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, bareBuffer)
	buf := make([]byte, bareLong)
	for {
		if _, err := io.ReadFull(in, buf[:bareHead]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(buf)
		if n == 0 || n > bareLong {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		if _, err := io.ReadFull(in, buf[:n]); err != nil {
			return err
		}
		if buf[0] == 0 {
			r.tally.one()
		} else if _, err := conn.Write(buf[:1]); err != nil {
			return err
		}
	}
}

func (r *bareReceiver) addr() string { return r.ln.Addr().String() }

func (r *bareReceiver) counted(ctx context.Context, messages int) error {
	return r.tally.wait(ctx, messages)
}

func (r *bareReceiver) close() error {
	err := r.ln.Close()
	<-r.done
	return err
}
