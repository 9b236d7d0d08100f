package kubetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/muster-mqtt/muster/discovery/discoverytest/ports"
)

// patience bounds the start of a process, and everything that a test waits for.
const patience = 60 * time.Second

// adminToken is that of a user who may do everything.
const adminToken = "the-token-of-the-admin-of-the-tests"

// Server is an API server on an etcd.
type Server struct {
	dir         string
	etcd        *embed.Etcd
	api         *child // nil while stopped
	controllers *child // nil: not started
	addr        string // of the API server
	admin       *http.Client
}

// Start starts an etcd and an API server that keep what they have in dir, and
// returns when the server is ready.
func Start(dir string) (*Server, error) {
	if err := Built(); err != nil {
		return nil, err
	}
	if err := writeKeys(dir); err != nil {
		return nil, err
	}
	users := []byte(adminToken + ",admin,admin,system:masters\n")
	if err := os.WriteFile(filepath.Join(dir, "tokens.csv"), users, 0o600); err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	err := s.startEtcd()
	if err == nil {
		err = s.dialAdmin()
	}
	if err == nil {
		err = s.StartAPI()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) startEtcd() error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = "etcd", filepath.Join(s.dir, "etcd")
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.TickMs, cfg.ElectionMs, cfg.UnsafeNoFsync = 10, 100, true
	none := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{none}, []url.URL{none}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{none}, []url.URL{none}
	cfg.InitialCluster = cfg.Name + "=" + none.String()
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	s.etcd = etcd
	select {
	case <-etcd.Server.ReadyNotify():
		return s.age()
	case <-time.After(patience):
		return errors.New("etcd is not ready")
	}
}

// age gives etcd a past, so that the API server has forgotten version 1 as it
// has in every cluster that was used.
func (s *Server) age() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 100 {
		if _, err := s.etcd.Server.Put(ctx, &pb.PutRequest{Key: []byte("past"), Value: []byte("x")}); err != nil {
			return err
		}
	}
	return nil
}

// StartAPI starts the API server, also after StopAPI, at another address.
func (s *Server) StartAPI() error {
	bin, err := program("kube-apiserver")
	if err != nil {
		return err
	}
	number, err := ports.Port()
	if err != nil {
		return err
	}
	port := strconv.Itoa(number)
	in := func(name string) string { return filepath.Join(s.dir, name) }
	s.addr = net.JoinHostPort("127.0.0.1", port)
	s.api, err = startChild(in("api.log"), bin,
		"--etcd-servers=http://"+s.etcd.Clients[0].Addr().String(), "--etcd-prefix=/registry",
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file="+in(certFile), "--tls-private-key-file="+in(keyFile), "--token-auth-file="+in("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+in(accountFile),
		"--service-account-signing-key-file="+in(accountFile),
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16", "--disable-admission-plugins=ServiceAccount",
		"--endpoint-reconciler-type=none", "--profiling=false", "--v=0")
	if err != nil {
		return err
	}
	return s.ready()
}

// ready waits until the server has finished everything that it begins with.
func (s *Server) ready() error {
	err := until("the API server is ready", func() (bool, error) {
		r, err := s.admin.Get("https://" + s.addr + "/readyz")
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, s.api.told())
	}
	return nil
}

// StopAPI kills the API server. What it had stays in etcd.
func (s *Server) StopAPI() {
	if s.api != nil {
		s.api.kill()
		s.api = nil
		s.admin.CloseIdleConnections()
	}
}

// StartControllers starts the controllers that make EndpointSlices of services
// and pods.
func (s *Server) StartControllers() error {
	bin, err := program("kube-controller-manager")
	if err != nil {
		return err
	}
	conf := filepath.Join(s.dir, "admin.conf")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x",
		"contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{"token":%q}}],
		"clusters":[{"name":"x","cluster":{"server":"https://%s","certificate-authority":%q}}]}`,
		adminToken, s.addr, filepath.Join(s.dir, caFile))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	s.controllers, err = startChild(filepath.Join(s.dir, "controllers.log"), bin,
		"--kubeconfig="+conf, "--controllers=endpointslice-controller", "--leader-elect=false", "--secure-port=0", "--v=0")
	return err
}

// Close ends everything, once: etcd last, without which the others would not end.
func (s *Server) Close() {
	if s.controllers != nil {
		s.controllers.kill()
		s.controllers = nil
	}
	s.StopAPI()
	if s.admin != nil {
		s.admin.CloseIdleConnections()
	}
	if s.etcd != nil {
		s.etcd.Close()
		s.etcd = nil
	}
}

// until looks at other processes, which have no event to wait for.
func until(what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it does not come about: %s: %w", what, errors.Join(err, ctx.Err()))
		}
	}
}
