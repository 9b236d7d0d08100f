package discovery

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

func (s *service) Register(ctx context.Context, r *v1.RegisterRequest) (*v1.RegisterResponse, error) {
	registrar, e, err := offered[Registrar](s, CanRegister)
	if err != nil {
		return nil, err
	}
	defer e.calls.Done()
	ttl, err := registrar.Register(ctx, selfFromWire(r.GetSelf()), r.GetTtl().AsDuration())
	return &v1.RegisterResponse{Ttl: durationpb.New(ttl)}, toStatus(err)
}

func (s *service) Deregister(ctx context.Context, r *v1.DeregisterRequest) (*v1.DeregisterResponse, error) {
	registrar, e, err := offered[Registrar](s, CanRegister)
	if err != nil {
		return nil, err
	}
	defer e.calls.Done()
	return &v1.DeregisterResponse{}, toStatus(registrar.Deregister(ctx, r.GetNodeUid()))
}

func (s *service) Claim(ctx context.Context, r *v1.ClaimRequest) (*v1.ClaimResponse, error) {
	claimer, e, err := offered[Claimer](s, CanClaim)
	if err != nil {
		return nil, err
	}
	defer e.calls.Done()
	stands, err := claimer.Claim(ctx, r.GetKey(), r.GetValue())
	return &v1.ClaimResponse{Value: stands}, toStatus(err)
}

func (s *service) Unclaim(ctx context.Context, r *v1.UnclaimRequest) (*v1.UnclaimResponse, error) {
	claimer, e, err := offered[Claimer](s, CanClaim)
	if err != nil {
		return nil, err
	}
	defer e.calls.Done()
	removed, err := claimer.Unclaim(ctx, r.GetKey(), r.GetValue())
	return &v1.UnclaimResponse{Removed: removed}, toStatus(err)
}

// offered returns the strategy as T if the capability is declared.
func offered[T any](s *service, c Capability) (T, *epoch, error) {
	var none T
	if !slices.Contains(s.info.Capabilities, c) {
		return none, nil, toStatus(Errorf(Unsupported, "not offered by strategy %s", s.info.Name))
	}
	e, err := s.enter()
	if err != nil {
		return none, nil, err
	}
	return e.strategy.(T), e, nil // checked by checkDeclared
}
