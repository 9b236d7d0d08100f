//go:build linux

package mcast

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"time"
)

// attackerWord makes the test binary an attacker: what runs in a host must be
// a program of its own.
const attackerWord = "be-an-attacker"

// attack listens to the group until it has heard enough, and then sends, for
// so many seconds, so many packets each: garbage, frames with a turned bit,
// and frames as they were, under the addresses of others and its own.
func attack(args []string) int {
	seconds, _ := strconv.Atoi(args[0])
	rate, _ := strconv.Atoi(args[1])
	heard, err := overhear(8)
	if err == nil {
		fmt.Println("begins")
		err = pour(heard, seconds, rate)
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("ends")
	return 0
}

var groupAddr = net.UDPAddr{IP: net.IPv4(239, 192, 0, 1), Port: 4369}

// overhear returns packets to the group.
func overhear(n int) (heard [][]byte, err error) {
	eth, err := net.InterfaceByName("eth0")
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenMulticastUDP("udp4", eth, &groupAddr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	for len(heard) < n {
		// Of a node that has settled one comes every 10 s.
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return nil, err
		}
		buf := make([]byte, 2000)
		k, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		heard = append(heard, buf[:k])
	}
	return heard, nil
}

func pour(heard [][]byte, seconds, rate int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	for sent := 0; sent < seconds*rate; <-tick.C {
		due := min(int(time.Since(begun)*time.Duration(rate)/time.Second), seconds*rate)
		for ; sent < due; sent++ {
			if err := throw(fd, bad(heard)); err != nil {
				return err
			}
		}
	}
	return nil
}

// bad is one packet's content.
func bad(heard [][]byte) []byte {
	good := heard[rand.IntN(len(heard))]
	switch rand.IntN(3) {
	case 0:
		return good
	case 1:
		out := append([]byte{}, good...)
		out[rand.IntN(len(out))] ^= 1 << rand.IntN(8)
		return out
	}
	junk := make([]byte, rand.IntN(1300))
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	return junk
}

// throw sends a packet to the group under the address of any host of the lab
// (RFC 791, 3.1; RFC 768; a checksum of 0 is none).
func throw(fd int, payload []byte) error {
	p := make([]byte, 28, 28+len(payload))
	p[0] = 0x45
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(payload)))
	p[8], p[9] = 1, syscall.IPPROTO_UDP
	copy(p[12:], []byte{10, 77, 0, byte(1 + rand.IntN(4))})
	copy(p[16:], groupAddr.IP.To4())
	binary.BigEndian.PutUint16(p[20:], uint16(groupAddr.Port))
	binary.BigEndian.PutUint16(p[22:], uint16(groupAddr.Port))
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(payload)))
	err := syscall.Sendto(fd, append(p, payload...), 0, &syscall.SockaddrInet4{Addr: [4]byte(groupAddr.IP.To4())})
	if errors.Is(err, syscall.ENOBUFS) { // the card is busy: this one is lost
		return nil
	}
	return err
}
