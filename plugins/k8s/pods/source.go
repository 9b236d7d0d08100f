package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// Bounds of one list.
const (
	pageSize    = 100           // objects of one question
	maxObjects  = maxCandidates // a service with more EndpointSlices than candidates has no room for them anyway
	maxRestarts = 3             // of a list that the server has forgotten halfway
	sliceLabel  = "kubernetes.io/service-name"
	groupSlices = "discovery.k8s.io"
)

// source is a collection of objects in the namespace that tell of the nodes.
type source struct {
	api       *rest.Client
	namespace string
	service   string
	port      string // name of the port
	group     string // of the API
	resource  string // plural
	selector  string // of labels
	// expected: an empty collection means that the service does not exist.
	expected bool
	read     func(json.RawMessage) (object, error)
}

func newSource(api *rest.Client, c settings) *source {
	s := &source{api: api, namespace: c.Namespace, service: c.ServiceName, port: c.PortName}
	if c.Selector != "" {
		s.resource, s.selector, s.read = "pods", c.Selector, s.readPod
		return s
	}
	// The controller keeps an empty slice for a service without pods.
	s.group, s.resource, s.selector, s.read, s.expected = groupSlices, "endpointslices", sliceLabel+"="+c.ServiceName, s.readSlice, true
	return s
}

// path is that of the collection.
func (s *source) path() string { return namespaced(s.group, s.namespace, s.resource) }

// namespaced is the path of a collection; group "" is that of pods.
func namespaced(group, namespace, resource string) string {
	root := "/api/v1"
	if group != "" {
		root = "/apis/" + group + "/v1"
	}
	return root + "/namespaces/" + namespace + "/" + resource
}

// listing is the state of a collection at one version.
type listing struct {
	objects   map[string]object
	version   string
	truncated bool
}

// list reads the whole collection as it is now, in pages.
func (s *source) list(ctx context.Context) (listing, error) {
	for try := 0; ; try++ {
		l, err := s.pages(ctx)
		if !expired(err) || try == maxRestarts {
			return l, err
		}
	}
}

// expired reports whether the server no longer knows a version that we named.
func expired(err error) bool {
	var status *rest.Status
	return errors.As(err, &status) && (status.Code == http.StatusGone || status.Reason == "Expired")
}

func (s *source) pages(ctx context.Context) (listing, error) {
	l := listing{objects: map[string]object{}}
	query := url.Values{"labelSelector": {s.selector}, "limit": {strconv.Itoa(pageSize)}}
	for {
		var page struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		if err := s.api.Do(ctx, rest.Call{Path: s.path(), Query: query}, &page); err != nil {
			return l, err
		}
		if page.Metadata.ResourceVersion == "" {
			return l, fmt.Errorf("%w: a list without a version", rest.ErrNonsense)
		}
		for _, raw := range page.Items {
			if err := l.put(s.read, raw); err != nil {
				return l, err
			}
		}
		l.version = page.Metadata.ResourceVersion
		if page.Metadata.Continue == "" || l.truncated {
			return l, nil
		}
		if len(page.Items) == 0 {
			return l, fmt.Errorf("%w: an empty page with more behind it", rest.ErrNonsense)
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

// put adds an object or replaces it.
func (l *listing) put(read func(json.RawMessage) (object, error), raw json.RawMessage) error {
	o, err := read(raw)
	if err != nil || o.name == "" {
		return fmt.Errorf("%w: %w", rest.ErrNonsense, errors.Join(err, errNameless))
	}
	if _, known := l.objects[o.name]; !known && len(l.objects) == maxObjects {
		l.truncated = true
		return nil
	}
	l.objects[o.name] = o
	return nil
}

var errNameless = errors.New("an object in the list is not of its kind")

// apply carries out one event of a watch, and reports whether it can have
// changed the answer.
func (l *listing) apply(read func(json.RawMessage) (object, error), ev rest.Event) (changed bool, err error) {
	switch ev.Type {
	case "ADDED", "MODIFIED":
		if err := l.put(read, ev.Object); err != nil {
			return false, err
		}
		changed = true
	case "DELETED":
		o, err := read(ev.Object)
		if err != nil {
			return false, fmt.Errorf("%w: %w", rest.ErrNonsense, err)
		}
		delete(l.objects, o.name)
		changed = true
	}
	var of struct {
		Metadata metadata `json:"metadata"`
	}
	if err := json.Unmarshal(ev.Object, &of); err != nil || of.Metadata.ResourceVersion == "" {
		return false, fmt.Errorf("%w: an event without a version", rest.ErrNonsense)
	}
	l.version = of.Metadata.ResourceVersion
	return changed, nil
}

// answer says who the nodes are, or that there is no such service.
func (s *source) answer(l listing, n namer) (discovery.Answer, error) {
	if s.expected && len(l.objects) == 0 {
		return discovery.Answer{}, discovery.Errorf(discovery.SourceNotFound,
			"the namespace %s has no service %s, or one without a selector", s.namespace, s.service)
	}
	a := n.answer(l.objects, l.version)
	if l.truncated {
		a.Truncated, a.Completeness = true, discovery.Partial
	}
	return a, nil
}
