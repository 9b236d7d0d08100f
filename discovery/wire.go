package discovery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

// answerToWire keeps an answer within the bounds: duplicates are merged, what
// does not fit sets truncated.
func answerToWire(a Answer, now time.Time) *v1.DiscoverResponse {
	if a.ObservedAt.IsZero() {
		a.ObservedAt = now
	}
	out := &v1.DiscoverResponse{
		Completeness:   v1.Completeness(min(a.Completeness, Complete)) + 1,
		ObservedAt:     fromTime(a.ObservedAt),
		SourceRevision: clean(a.SourceRevision, maxText),
		Truncated:      a.Truncated,
		Warnings:       cleanAll(a.Warnings),
	}
	if a.NextPoll > 0 {
		out.NextPollHint = durationpb.New(a.NextPoll)
	}
	size := 0
	for _, c := range merge(a.Candidates) {
		w := candidateToWire(c)
		size += proto.Size(w) + 8
		if len(out.Candidates) == maxCandidates || size > maxAnswer {
			out.Truncated = true
			break
		}
		out.Candidates = append(out.Candidates, w)
		out.Truncated = out.Truncated || len(c.Endpoints) > maxEndpoints
	}
	return out
}

func candidateToWire(c Candidate) *v1.Candidate {
	return &v1.Candidate{
		Endpoints:   endpointsToWire(c.Endpoints),
		ClaimedName: clean(c.ClaimedName, maxText),
		NodeUid:     clean(c.NodeUID, maxText),
		Readiness:   v1.Readiness(min(c.Readiness, Terminating)),
		Attributes:  cleanAttributes(c.Attributes),
		Revision:    clean(c.Revision, maxText),
	}
}

func endpointsToWire(es []Endpoint) []*v1.Endpoint {
	var out []*v1.Endpoint
	for _, e := range es[:min(len(es), maxEndpoints)] {
		out = append(out, &v1.Endpoint{Host: clean(e.Host, maxText), Port: uint32(e.Port)})
	}
	return out
}

func cleanAttributes(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(out) == maxAttributes {
			break
		}
		out[clean(k, maxText)] = clean(m[k], maxText)
	}
	return out
}

// answerFromWire takes in what a plugin answered. A candidate that breaks a
// bound is left out, and a warning says which and why.
func answerFromWire(r *v1.DiscoverResponse, now time.Time) Answer {
	a := Answer{
		ObservedAt:     toTime(r.GetObservedAt()),
		SourceRevision: clean(r.GetSourceRevision(), maxText),
		NextPoll:       positive(r.GetNextPollHint()),
		Truncated:      r.GetTruncated(),
	}
	if r.GetCompleteness() == v1.Completeness_COMPLETENESS_COMPLETE {
		a.Completeness = Complete
	}
	if a.ObservedAt.IsZero() || a.ObservedAt.After(now) {
		a.ObservedAt = now
	}
	warnings := r.GetWarnings()
	for i, w := range r.GetCandidates() {
		if i == maxCandidates {
			a.Truncated = true
			break
		}
		c, err := candidateFromWire(w)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("candidates[%d]: %v; left out", i, err))
			continue
		}
		a.Candidates = append(a.Candidates, c)
	}
	a.Warnings = cleanAll(warnings)
	return a
}

func candidateFromWire(w *v1.Candidate) (Candidate, error) {
	c := Candidate{
		ClaimedName: clean(w.GetClaimedName(), maxText),
		NodeUID:     clean(w.GetNodeUid(), maxText),
		Attributes:  cleanAttributes(w.GetAttributes()),
		Revision:    clean(w.GetRevision(), maxText),
	}
	if r := w.GetReadiness(); r > 0 && r <= v1.Readiness_READINESS_TERMINATING {
		c.Readiness = Readiness(r)
	}
	var err error
	c.Endpoints, err = endpointsFromWire(w.GetEndpoints())
	return c, err
}

func endpointsFromWire(ws []*v1.Endpoint) ([]Endpoint, error) {
	if len(ws) == 0 || len(ws) > maxEndpoints {
		return nil, fmt.Errorf("%d endpoints, want 1 to %d", len(ws), maxEndpoints)
	}
	var out []Endpoint
	for _, w := range ws {
		if err := checkHost(w.GetHost()); err != nil {
			return nil, err
		}
		if w.GetPort() > 65535 {
			return nil, fmt.Errorf("port %d", w.GetPort())
		}
		out = append(out, Endpoint{Host: w.GetHost(), Port: uint16(w.GetPort())})
	}
	return out, nil
}
