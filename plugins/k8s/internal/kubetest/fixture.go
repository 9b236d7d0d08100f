package kubetest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/discovery/discoverytest/standing"
)

// Fixture is one namespace as the conformance suite wants it
// (docs/conformance.md): entries are pods, or EndpointSlices, that no machine
// runs. Server is made by the first "up", in Dir, where it is nil.
type Fixture struct {
	Dir    string
	Slices bool // entries are EndpointSlices
	Server *Server

	own   bool // Server ends with the fixture
	space *Space
	gate  *Gate
}

// Do carries out a verb and returns the JSON object of its answer, or nil.
func (f *Fixture) Do(verb string, args ...string) ([]byte, error) {
	switch {
	case verb == "up":
		return f.up()
	case verb == "down":
		f.down()
		return nil, nil
	case f.space == nil:
		return nil, errors.New("there is no API server: up comes first")
	case verb == "seed" && len(args) == 1:
		return nil, f.seed(args[0])
	case verb == "remove" && len(args) == 1:
		return nil, f.remove(args[0])
	case verb == "fault" && len(args) == 2:
		return nil, f.fault(args[0], args[1] == "on")
	case verb == "inspect":
		names, err := f.space.Leases()
		if err != nil {
			return nil, err
		}
		return json.Marshal(Object{"entries": []string{}, "claims": names, "expired": f.gate.Spoilt()})
	}
	return nil, fmt.Errorf("%w: %s", standing.ErrCannot, verb)
}

func (f *Fixture) up() (_ []byte, err error) {
	if f.Server == nil {
		if f.Server, err = Start(f.Dir); err != nil {
			return nil, err
		}
		f.own = true
	}
	if f.space, err = f.Server.Space("conf-"+strings.ToLower(rand.Text()), f.Dir); err != nil {
		return nil, err
	}
	if f.gate, err = f.Server.NewGate(true); err != nil {
		return nil, err
	}
	f.space.Via(f.gate)
	// As the controller makes one for a service without pods.
	if err := f.space.PutSlice("none", "IPv4", 0); err != nil {
		return nil, err
	}
	token, err := f.space.Token()
	if err != nil {
		return nil, err
	}
	good := func(more Object) json.RawMessage {
		if !f.Slices && more["selector"] == nil {
			more["selector"] = "app=" + Service
		}
		return f.space.Config(more)
	}
	bad := []Object{}
	for path, value := range map[string]any{
		"apiserver": "ftp://h", "address_type": "pod", "suffix": "a..b", "namespace": "A_B", "port_name": "-", "app_name": "a@b",
		"tokenfile": "/nowhere", "cacertfile": "/nowhere", "selector": "a\nb",
	} {
		bad = append(bad, Object{"config": good(Object{path: value}), "path": path})
	}
	return json.Marshal(Object{
		"config": good(Object{}), "secrets": []string{token}, "bad": bad, "traits": []string{"no-identity"},
	})
}

func (f *Fixture) down() {
	if f.space != nil {
		f.space.Close()
	}
	if f.gate != nil {
		f.gate.Close()
	}
	if f.own {
		f.Server.Close()
	}
}

// seed enters a pod as Kubernetes would. An EndpointSlice takes no address of
// loopback, but it takes a name that is written like one.
func (f *Fixture) seed(text string) error {
	var e struct {
		UID, Name, Host string
		Port            int
		Ready           bool
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	if !f.Slices {
		return f.space.PutPod(Pod{Name: "p-" + e.UID, IPs: []string{e.Host}, Port: e.Port, Ready: e.Ready})
	}
	return f.space.PutSlice("s-"+e.UID, "FQDN", e.Port, Object{
		"addresses": []string{e.Host}, "conditions": Object{"ready": e.Ready},
	})
}

func (f *Fixture) remove(uid string) error {
	if f.Slices {
		return f.space.RemoveSlice("s-" + uid)
	}
	return f.space.RemovePod("p-" + uid)
}

func (f *Fixture) fault(name string, on bool) error {
	switch name {
	case "down":
		f.space.Wire().Cut(on)
	case "slow":
		f.space.Wire().Hold(on)
	case "denied":
		return f.space.Deny(on)
	case "reset":
		f.space.Wire().Reset()
	case "stopped":
		return f.stop(on)
	case "revoked":
		if on {
			return f.space.Revoke()
		}
		return f.space.Rotate()
	case "expired":
		f.gate.Stale(on)
	default:
		if verb, resource, ok := strings.Cut(strings.TrimPrefix(name, "no-"), "-"); ok && strings.HasPrefix(name, "no-") {
			return f.lack(verb, resource, on)
		}
		return fmt.Errorf("%w: fault %s", standing.ErrCannot, name)
	}
	return nil
}

// lack takes one right away, or gives it back: "no-watch-pods",
// "no-create-leases.coordination.k8s.io".
func (f *Fixture) lack(verb, resource string, on bool) error {
	rights := AllRights()
	if on {
		rights = rights.Without(verb, resource)
	}
	if err := f.space.Grant(rights); err != nil {
		return err
	}
	return f.space.Await(verb, resource, !on)
}

// stop kills the API server, which others may not share then.
func (f *Fixture) stop(on bool) error {
	switch {
	case !f.own:
		return fmt.Errorf("%w: the API server is shared", standing.ErrCannot)
	case !on:
		return f.Server.StartAPI()
	}
	f.Server.StopAPI()
	f.space.Wire().Reset()
	return nil
}
