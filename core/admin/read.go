package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-mqtt/muster/core"
)

func (a *api) cluster(w http.ResponseWriter, _ *http.Request) { reply(w, a.status()) }

// status is the cluster as this node sees it now.
func (a *api) status() Cluster {
	c := a.Viewer.Cluster()
	out := Cluster{Node: a.Self, Name: a.ClusterName, Formed: !c.IsZero()}
	if out.Formed {
		out.UID, out.Claimed, out.Founded = &c.UID, c.Claimed, stampTime(c.Founded)
	}
	out.Running, out.Stopped = sortNodes(a.Viewer.Members())
	if a.Certificate == nil {
		return out
	}
	if ends, problem := a.Certificate(); !ends.IsZero() {
		ends = ends.UTC()
		out.CertificateEnds, out.CertificateProblem = &ends, problem
	}
	return out
}

// sortNodes parts the members into those that run and those that do not. A
// name that a new node took over from a stopped one is running.
func sortNodes(members []core.Member) (running, stopped []core.NodeID) {
	running, stopped = []core.NodeID{}, []core.NodeID{}
	for _, m := range members {
		if m.State.Live() || m.State == core.Leaving {
			running = append(running, m.Name)
		}
	}
	for _, m := range members {
		if !m.State.Live() && !slices.Contains(running, m.Name) {
			stopped = append(stopped, m.Name)
		}
	}
	slices.Sort(running)
	slices.Sort(stopped)
	return slices.Compact(running), slices.Compact(stopped)
}

func (a *api) members(w http.ResponseWriter, _ *http.Request) {
	members := a.Viewer.Members()
	slices.SortStableFunc(members, func(x, y core.Member) int { return strings.Compare(string(x.Name), string(y.Name)) })
	out := Members{Members: make([]Member, 0, len(members))}
	for _, m := range members {
		out.Members = append(out.Members, newMember(m))
	}
	reply(w, out)
}

func (a *api) member(w http.ResponseWriter, r *http.Request) {
	name := core.NodeID(r.PathValue("node"))
	for _, live := range []bool{true, false} {
		for _, m := range a.Viewer.Members() {
			if m.Name == name && m.State.Live() == live {
				reply(w, newMember(m))
				return
			}
		}
	}
	fail(w, http.StatusNotFound, quote(string(name))+" is not a member of this cluster: see `muster members`")
}

func newMember(m core.Member) Member {
	out := Member{
		Name: m.Name, UID: m.UID, Incarnation: m.Incarnation, Address: m.Addr, Status: m.State.String(), Role: m.Role,
		Build: m.Build, Protocol: m.Protocol, Datacenter: m.Datacenter, Joined: stampTime(m.Joined),
	}
	if !m.Since.IsZero() {
		since := m.Since.UTC()
		out.Since = &since
	}
	return out
}

// stampTime returns the time of a stamp, nil for none. A stamp from outside
// may be of a year that JSON cannot say; that is none too.
func stampTime(s core.Stamp) *time.Time {
	t := s.Time().UTC()
	if s == 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

func (a *api) routeTable(w http.ResponseWriter, r *http.Request) {
	limit, err := limitOf(r)
	if err != "" {
		fail(w, http.StatusBadRequest, err)
		return
	}
	var routes []core.Route
	if query := r.URL.Query(); query.Has("topic") {
		topic := core.Topic(query.Get("topic"))
		if err := topic.Check(); err != nil {
			fail(w, http.StatusBadRequest, "topic "+quote(string(topic))+": "+err.Error())
			return
		}
		routes = a.Viewer.RoutesOf(topic)
	} else {
		routes = a.Viewer.Routes()
	}
	out := Routes{Total: len(routes), Routes: []Route{}}
	for _, route := range routes[:min(limit, len(routes))] {
		out.Routes = append(out.Routes, Route(route))
	}
	reply(w, out)
}

// limitOf returns ?limit=, or what is wrong with it.
func limitOf(r *http.Request) (int, string) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultRoutes, ""
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxRoutes {
		return 0, "limit " + quote(text) + ": not a number from 1 to " + strconv.Itoa(maxRoutes)
	}
	return n, ""
}

func (a *api) plugins(w http.ResponseWriter, _ *http.Request) {
	out := Plugins{Plugins: []Plugin{}}
	if a.Plugins != nil {
		out.Plugins = append(out.Plugins, a.Plugins()...)
	}
	slices.SortStableFunc(out.Plugins, func(x, y Plugin) int { return strings.Compare(x.Strategy, y.Strategy) })
	reply(w, out)
}

func (a *api) live(w http.ResponseWriter, _ *http.Request) { reply(w, health{Status: "live"}) }

func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	reason := ""
	switch {
	case a.Viewer.Cluster().IsZero():
		reason = "the node is in no cluster yet"
	case a.Unready != nil:
		reason = a.Unready()
	}
	if reason != "" {
		write(w, http.StatusServiceUnavailable, health{Status: "unready", Reason: reason})
		return
	}
	reply(w, health{Status: "ready"})
}
