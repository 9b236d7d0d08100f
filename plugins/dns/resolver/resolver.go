package resolver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxPasses bounds how often the list of servers is gone through.
	maxPasses = 4
	// maxAliases is how many times an answer may send us on to another name.
	maxAliases = 8
)

// Resolver asks name servers. Make one with New. Safe for concurrent use.
type Resolver struct {
	system func() (System, error)
	strays atomic.Uint64
	good   atomic.Pointer[netip.AddrPort] // answered last
}

// New returns a resolver that asks what system says, read anew for each
// lookup.
func New(system func() (System, error)) *Resolver { return &Resolver{system: system} }

// Strays counts the datagrams that came and answered no question of ours:
// those of a broken server, or of somebody who guesses.
func (r *Resolver) Strays() uint64 { return r.strays.Load() }

// Result is what one type of record came to.
type Result struct {
	Type     Type
	Addrs    []netip.Addr  // sorted, each once
	Services []Service     // sorted, each once
	TTL      time.Duration // for how long this holds; of records only
	Failure  *Failure      // nil, or there are no records
}

// Lookup asks for records of the name, a result for each type. A name without
// a dot is tried below each search domain before it is taken as it is; a name
// with one never is. Each question ends with ctx.
func (r *Resolver) Lookup(ctx context.Context, name string, types ...Type) []Result {
	sys, err := r.system()
	if err != nil {
		return all(types, failuref(ServerFailed, "%v", err))
	}
	var absent []Result
	for _, full := range sys.absolute(name) {
		got := r.types(ctx, sys.Servers, full, types)
		if !allAbsent(got) {
			return got
		}
		if absent == nil || exists(got) {
			absent = got
		}
	}
	return absent
}

func all(types []Type, f *Failure) []Result {
	out := make([]Result, len(types))
	for i, t := range types {
		out[i] = Result{Type: t, Failure: f}
	}
	return out
}

func allAbsent(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Failure == nil || !r.Failure.Absent() })
}

func exists(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Failure != nil && r.Failure.Kind == NoData })
}

// types asks for all types at the same time.
func (r *Resolver) types(ctx context.Context, servers []netip.AddrPort, name string, types []Type) []Result {
	out := make([]Result, len(types))
	var wg sync.WaitGroup
	for i, t := range types {
		wg.Go(func() { out[i] = r.follow(ctx, servers, name, t) })
	}
	wg.Wait()
	return out
}

// follow asks for one type, and on where an alias leads without its records:
// only a server that recurses adds those.
func (r *Resolver) follow(ctx context.Context, servers []netip.AddrPort, name string, t Type) Result {
	out := Result{Type: t, TTL: -1}
	for range maxAliases {
		got, f := r.ask(ctx, servers, name, t)
		if f != nil {
			return Result{Type: t, Failure: f}
		}
		if out.TTL < 0 || got.ttl < out.TTL {
			out.TTL = got.ttl
		}
		if !got.empty() {
			out.Addrs, out.Services = got.addrs, got.services
			return out
		}
		name = got.alias
	}
	return Result{Type: t, Failure: failuref(Malformed, "more than %d aliases, one after the other", maxAliases)}
}

// ask goes through the servers, the one that answered last first, until one
// speaks of the name. It goes on for as long as a datagram may have been lost.
func (r *Resolver) ask(ctx context.Context, servers []netip.AddrPort, name string, t Type) (reply, *Failure) {
	failures := map[netip.AddrPort]*Failure{}
	for range maxPasses {
		silent := false
		for _, s := range r.order(servers) {
			got, err := r.exchange(ctx, s, name, t)
			f := judge(s, got, err)
			if f == nil || f.Absent() {
				r.good.Store(&s)
				return got, f
			}
			failures[s] = f
			silent = silent || f.Kind == TimedOut
			if ctx.Err() != nil {
				return reply{}, inOrder(servers, failures)
			}
		}
		if !silent {
			break
		}
	}
	return reply{}, inOrder(servers, failures)
}

// order puts the server that answered last first, if it is still one.
func (r *Resolver) order(servers []netip.AddrPort) []netip.AddrPort {
	good := r.good.Load()
	if good == nil {
		return servers
	}
	i := slices.Index(servers, *good)
	if i <= 0 {
		return servers
	}
	return slices.Concat(servers[i:i+1], servers[:i], servers[i+1:])
}

// inOrder sums the failures up so that the text does not change from round to
// round.
func inOrder(servers []netip.AddrPort, by map[netip.AddrPort]*Failure) *Failure {
	var list []*Failure
	for _, s := range servers {
		if f := by[s]; f != nil {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return failuref(ServerFailed, "there is no name server to ask")
	}
	return Sum(list)
}

// absolute returns the names to try, in order, with the root's dot.
func (s System) absolute(name string) []string {
	if strings.Contains(name, ".") {
		return []string{strings.TrimSuffix(name, ".") + "."}
	}
	var out []string
	for _, domain := range s.Search {
		if full := name + "." + domain; len(full) <= maxName {
			out = append(out, full)
		}
	}
	return append(out, name+".")
}
