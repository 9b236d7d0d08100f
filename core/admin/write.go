package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/muster-mqtt/muster/core"
)

func (a *api) join(w http.ResponseWriter, r *http.Request) {
	var in joinRequest
	if !read(w, r, &in) {
		return
	}
	if why := badTarget(in.Node); why != "" {
		fail(w, http.StatusBadRequest, "node: "+why)
		return
	}
	a.finish(w, a.Operator.Join(r.Context(), in.Node))
}

func (a *api) merge(w http.ResponseWriter, r *http.Request) {
	var in mergeRequest
	if !read(w, r, &in) {
		return
	}
	if n := len(in.Addresses); n == 0 || n > maxAddresses {
		fail(w, http.StatusBadRequest, "addresses: give 1 to "+strconv.Itoa(maxAddresses))
		return
	}
	for i, addr := range in.Addresses {
		if why := badTarget(addr); why != "" {
			fail(w, http.StatusBadRequest, "addresses["+strconv.Itoa(i)+"]: "+why)
			return
		}
	}
	n, err := a.Operator.Merge(r.Context(), in.Addresses)
	if err != nil {
		a.refuse(w, err)
		return
	}
	reply(w, Merged{Contacted: n})
}

func (a *api) leave(w http.ResponseWriter, r *http.Request) {
	if read(w, r, &struct{}{}) {
		a.finish(w, a.Operator.Leave(r.Context()))
	}
}

func (a *api) forceLeave(w http.ResponseWriter, r *http.Request) {
	if !read(w, r, &struct{}{}) {
		return
	}
	name, err := core.ParseNodeID(r.PathValue("node"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	a.finish(w, a.Operator.ForceLeave(r.Context(), name))
}

// stop answers before it asks the node to end, which ends the listener too.
func (a *api) stop(w http.ResponseWriter, r *http.Request) {
	if !read(w, r, &struct{}{}) {
		return
	}
	write(w, http.StatusAccepted, health{Status: "stopping"})
	_ = http.NewResponseController(w).Flush()
	a.Stop()
}

// finish answers with the cluster as it is now, or with the refusal.
func (a *api) finish(w http.ResponseWriter, err error) {
	if err != nil {
		a.refuse(w, err)
		return
	}
	reply(w, a.status())
}

func (a *api) refuse(w http.ResponseWriter, err error) {
	a.Logger.Info("operator's request refused", "error", err)
	if errors.Is(err, context.DeadlineExceeded) {
		fail(w, http.StatusGatewayTimeout, "not done within "+operatorTime.String()+": "+err.Error())
		return
	}
	fail(w, http.StatusConflict, err.Error())
}

// badTarget says what is wrong with an address before the node tries it.
func badTarget(s string) string {
	switch {
	case s == "":
		return "empty: give name@host[:port] or host[:port]"
	case len(s) > maxTarget:
		return "longer than " + strconv.Itoa(maxTarget) + " bytes"
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }):
		return quote(s) + " holds blanks or control characters"
	}
	return ""
}
