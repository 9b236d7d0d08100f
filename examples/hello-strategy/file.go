package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/muster-mqtt/muster/discovery"
)

// Bounds of the file of addresses, in bytes.
const (
	maxFile = 1 << 18
	maxLine = 255 // as long as the name of a node may be
)

// read returns the contents of the file; its errors have a class, by which the
// host acts.
func read(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not wait for its writer
	if err != nil {
		return "", discovery.Errorf(classOf(err), "%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	}
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	if err != nil {
		return "", discovery.Errorf(classOf(err), "%w", err)
	}
	return string(text), nil
}

func classOf(err error) discovery.Class {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return discovery.SourceNotFound
	case errors.Is(err, fs.ErrPermission):
		return discovery.Auth
	}
	return discovery.BackendUnavailable
}

// answer makes candidates of the lines. One that is no address is a warning
// and does not take the others with it.
func answer(text string) (discovery.Answer, error) {
	sum := sha256.Sum256([]byte(text))
	a := discovery.Answer{SourceRevision: hex.EncodeToString(sum[:8])}
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		c, err := parse(line)
		if err != nil {
			a.Warnings = append(a.Warnings, fmt.Sprintf("line %d: %.80q is no address: %v", number, line, err))
			continue
		}
		a.Candidates = append(a.Candidates, c)
	}
	if len(a.Candidates) == 0 && len(a.Warnings) > 0 {
		// Whatever this file is, it does not say that there are no nodes.
		return discovery.Answer{}, discovery.Errorf(discovery.BackendUnavailable, "there is no address in the file; %s", a.Warnings[0])
	}
	return a, nil
}

// parse reads host:port or name@host:port, with brackets around an IPv6 address.
func parse(line string) (discovery.Candidate, error) {
	if len(line) > maxLine {
		return discovery.Candidate{}, fmt.Errorf("longer than %d bytes", maxLine)
	}
	name, rest, named := strings.Cut(line, "@")
	if !named {
		rest = line
	}
	host, portText, err := net.SplitHostPort(rest)
	if err != nil {
		return discovery.Candidate{}, errors.New("want host:port or name@host:port")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return discovery.Candidate{}, errors.New("the port is not a number from 1 to 65535")
	}
	if host, err = cleanHost(host, rest[0] == '['); err != nil {
		return discovery.Candidate{}, err
	}
	c := discovery.Candidate{Endpoints: []discovery.Endpoint{{Host: host, Port: uint16(port)}}}
	if !named {
		return c, nil
	}
	if name == "" || len(name) > 64 || strings.Trim(name, letters+"_~.-") != "" {
		return discovery.Candidate{}, errors.New("the name before @ has up to 64 letters, digits and _~.- only")
	}
	c.ClaimedName = name + "@" + host
	return c, nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// cleanHost returns one text for one address: two candidates of an answer
// share no endpoint, and the kit compares texts. A name takes no brackets.
func cleanHost(host string, bracketed bool) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return addr.Unmap().String(), nil
	}
	if host == "" || bracketed || len(host) > 253 || strings.Trim(host, letters+"_.-") != "" || strings.Trim(host, "0123456789.") == "" {
		return "", errors.New("the host is neither an IP address nor a name")
	}
	return strings.ToLower(host), nil
}
