package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// Bounds of the files, in bytes.
const (
	maxToken = 64 << 10
	maxCA    = 1 << 20
)

// dialTime bounds the making of a connection, TLS included.
const dialTime = 4 * time.Second

// dialer notices a server that is gone without a word within 30 s: a watch
// would wait for it for ever.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}}
}

// ErrToken says that the token cannot be read; the error tells why.
var ErrToken = errors.New("no token")

// readToken reads the token anew, since it is replaced while we run.
func readToken(file string) (string, error) {
	text, err := readFile(file, maxToken)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	token := strings.TrimSpace(string(text))
	visible := func(r rune) bool { return r > ' ' && r < 0x7f }
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return !visible(r) }) {
		return "", fmt.Errorf("%w: %s holds no token", ErrToken, file)
	}
	return token, nil
}

// Pool reads the authorities of a PEM file.
func Pool(file string) (*x509.CertPool, error) {
	text, err := readFile(file, maxCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// Namespace reads the namespace of a service account.
func Namespace(file string) (string, error) {
	text, err := readFile(file, maxToken)
	return strings.TrimSpace(string(text)), err
}

// CheckToken tells whether a token can be read.
func CheckToken(file string) error {
	_, err := readToken(file)
	return err
}

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return nil, fmt.Errorf("%s is no file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has over %d bytes", name, limit)
	}
	return text, err
}

// dialTLS makes a connection whose other end the authorities vouch for. They
// are read for each, as they are replaced while we run.
func (c *Client) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	pool, err := Pool(c.o.CAFile)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	raw, err := dialer().DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{RootCAs: pool, ServerName: c.o.Server.Hostname(), MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}
