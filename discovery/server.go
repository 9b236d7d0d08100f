package discovery

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// NewServer returns a gRPC server that serves the strategy as Serve does, for
// hosts in the same process such as discoverytest. log is what Setup.Logger
// will be.
func NewServer(info Info, f Factory, log *slog.Logger) *grpc.Server {
	s := grpc.NewServer(recovering(log)...)
	register(s, info, f, log)
	return s
}

func register(s *grpc.Server, info Info, f Factory, log *slog.Logger) {
	v1.RegisterDiscoveryServer(s, &service{info: info, factory: f, log: log})
}

// service is the plugin's end of the contract.
type service struct {
	v1.UnimplementedDiscoveryServer
	info    Info
	factory Factory
	log     *slog.Logger

	configuring sync.Mutex // one Configure or Shutdown at a time
	mu          sync.Mutex // guards what follows
	current     *epoch     // nil before Configure and after Shutdown
	seen        observed
}

var _ v1.DiscoveryServer = (*service)(nil)

// epoch is one configured strategy and the calls in it.
type epoch struct {
	strategy Strategy
	calls    sync.WaitGroup
	over     chan struct{} // closed when a reload or Shutdown ends watches
}

// enter returns the current strategy for one call; leave with calls.Done.
func (s *service) enter() (*epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil, toStatus(Errorf(PluginInternal, "not configured"))
	}
	s.current.calls.Add(1)
	return s.current, nil
}

func (s *service) GetInfo(context.Context, *v1.GetInfoRequest) (*v1.GetInfoResponse, error) {
	return infoToWire(s.info), nil
}

func (s *service) Configure(ctx context.Context, r *v1.ConfigureRequest) (*v1.ConfigureResponse, error) {
	s.configuring.Lock()
	defer s.configuring.Unlock()
	if s.info.RestartToReload && s.configured() {
		return &v1.ConfigureResponse{RestartRequired: true}, nil
	}
	c, err := s.factory(ctx, Setup{
		Config: r.GetConfig(), Self: selfFromWire(r.GetSelf()), ClusterName: r.GetClusterName(),
		ClusterKey: r.GetClusterKey(), Logger: s.log,
	})
	if err == nil {
		err = s.checkDeclared(c.Strategy)
	}
	if err != nil {
		return nil, toStatus(err)
	}
	s.replace(ctx, &epoch{strategy: c.Strategy, over: make(chan struct{})})
	return &v1.ConfigureResponse{Warnings: cleanAll(c.Warnings), NormalForm: c.NormalForm}, nil
}

func (s *service) configured() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil
}

// checkDeclared finds a promise in Info that the strategy cannot keep.
func (s *service) checkDeclared(st Strategy) error {
	_, watches := st.(Watcher)
	_, registers := st.(Registrar)
	_, claims := st.(Claimer)
	has := map[Capability]bool{CanWatch: watches, CanRegister: registers, CanClaim: claims}
	for _, c := range s.info.Capabilities {
		if !has[c] {
			return Errorf(PluginInternal, "capability %d is declared but %T does not have it", c, st)
		}
	}
	if st == nil {
		return Errorf(PluginInternal, "the factory returned no strategy")
	}
	return nil
}

// replace makes next current and closes the strategy before it when its last
// call has returned, or ctx has ended.
func (s *service) replace(ctx context.Context, next *epoch) {
	s.mu.Lock()
	old := s.current
	s.current, s.seen = next, observed{}
	s.mu.Unlock()
	if old == nil {
		return
	}
	close(old.over)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		old.calls.Wait()
		if c, ok := old.strategy.(io.Closer); ok {
			if err := c.Close(); err != nil {
				s.log.Warn("the strategy did not close cleanly", "error", err)
			}
		}
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	}
}

func (s *service) Discover(ctx context.Context, _ *v1.DiscoverRequest) (*v1.DiscoverResponse, error) {
	e, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer e.calls.Done()
	a, err := e.strategy.Discover(ctx)
	s.observe(a, err, time.Now())
	if err != nil {
		return nil, toStatus(err)
	}
	return answerToWire(a, time.Now()), nil
}

func (s *service) Shutdown(ctx context.Context, r *v1.ShutdownRequest) (*v1.ShutdownResponse, error) {
	if g := r.GetGrace().AsDuration(); g > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g)
		defer cancel()
	}
	s.configuring.Lock()
	defer s.configuring.Unlock()
	s.replace(ctx, nil)
	return &v1.ShutdownResponse{}, nil
}
