package reference

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// Ready is the file that a node of a cluster makes in its directory when it is
// one with the others.
const Ready = "ready"

// site is where a broker is to run.
type site struct {
	addr, tlsAddr string // host:port; tlsAddr may be empty
	cert, key     string // PEM files
	dir           string
	name          string   // of a node of a cluster; "": it is none
	cluster       string   // host:port for the other nodes
	routes        []string // cluster of every node, this one's too
}

// broker is one that runs in this process until it is stopped.
type broker interface {
	Start() error // returns when it listens
	Stop() error
}

// kinds are the brokers of this package, with the module of each.
var kinds = []struct {
	name, module string
	make         func(site) (broker, error)
}{
	{"nats", "github.com/nats-io/nats-server/v2", newNATS},
	{"mochi", "github.com/mochi-mqtt/server/v2", newMochi},
}

// Clusters reports whether a broker knows clusters.
func Clusters(name string) bool { return name == "nats" }

// Kinds returns the brokers that Main knows, with their versions as the build
// says, "unknown" where it does not.
func Kinds() (names, versions []string) {
	info, _ := debug.ReadBuildInfo()
	for _, k := range kinds {
		names, versions = append(names, k.name), append(versions, versionOf(info, k.module))
	}
	return names, versions
}

func versionOf(info *debug.BuildInfo, module string) string {
	if info == nil {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// Main runs the broker that the first argument names until ctx ends and
// returns the exit status of the process.
func Main(ctx context.Context, args []string, said io.Writer) int {
	if err := run(ctx, args, said); err != nil {
		fmt.Fprintln(said, "broker:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, said io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: broker nats|mochi [flags]")
	}
	var s site
	f := flag.NewFlagSet("broker "+args[0], flag.ContinueOnError)
	f.SetOutput(said)
	f.StringVar(&s.addr, "addr", "127.0.0.1:1883", "`host:port` for MQTT")
	f.StringVar(&s.tlsAddr, "tls", "", "`host:port` for MQTT over TLS, empty for none")
	f.StringVar(&s.cert, "cert", "", "certificate, a PEM `file`")
	f.StringVar(&s.key, "key", "", "its key")
	f.StringVar(&s.dir, "dir", "", "directory for what it keeps")
	f.StringVar(&s.name, "name", "", "of a node of a cluster; empty for a broker alone")
	f.StringVar(&s.cluster, "cluster", "", "`host:port` for the other nodes")
	routes := f.String("routes", "", "`host:port,...` for the nodes of all")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	s.routes = strings.Split(*routes, ",")
	for _, k := range kinds {
		if k.name == args[0] {
			return serve(ctx, s, k.make)
		}
	}
	return fmt.Errorf("%q is none of the brokers here", args[0])
}

func serve(ctx context.Context, s site, make func(site) (broker, error)) error {
	b, err := make(s)
	if err != nil {
		return err
	}
	if err := b.Start(); err != nil {
		return errors.Join(err, b.Stop())
	}
	if s.name != "" {
		if err := os.WriteFile(filepath.Join(s.dir, Ready), nil, 0o600); err != nil {
			return errors.Join(err, b.Stop())
		}
	}
	<-ctx.Done()
	return b.Stop()
}

// serverTLS is nil when no listener for TLS was asked for.
func (s site) serverTLS() (*tls.Config, error) {
	if s.tlsAddr == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}
