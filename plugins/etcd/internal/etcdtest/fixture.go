package etcdtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-mqtt/muster/discovery/discoverytest/standing"
)

// Fixture is one protected etcd as the conformance suite wants it
// (docs/conformance.md): it knows where the plugin keeps entries and claims
// without being the plugin.
type Fixture struct {
	Dir     string
	Cluster string // the name that the suite gives its cluster
	etcd    *Cluster
}

const prefix = "/conf/"

// Do carries out a verb and returns the JSON object of its answer, or nil.
func (f *Fixture) Do(verb string, args ...string) ([]byte, error) {
	switch {
	case verb == "up":
		return f.up()
	case verb == "down":
		if f.etcd != nil {
			f.etcd.Close()
		}
		return nil, nil
	case f.etcd == nil:
		return nil, errors.New("there is no etcd: up comes first")
	case verb == "seed" && len(args) == 1:
		return nil, f.seed(args[0])
	case verb == "remove" && len(args) == 1:
		return nil, f.remove(args[0])
	case verb == "fault" && len(args) == 2:
		return nil, f.fault(args[0], args[1] == "on")
	case verb == "inspect":
		return f.inspect()
	}
	return nil, fmt.Errorf("%w: %s", standing.ErrCannot, verb)
}

func (f *Fixture) up() (_ []byte, err error) {
	if f.etcd, err = Start(Options{Dir: f.Dir}); err != nil {
		return nil, err
	}
	if err := f.etcd.Protect(prefix); err != nil {
		return nil, err
	}
	type object = map[string]any
	good := func(more object) object {
		out := object{"server": f.etcd.Endpoints(), "prefix": strings.Trim(prefix, "/"), "username": User, "password": Password}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	return json.Marshal(object{
		"config": good(nil), "secrets": []string{Password},
		"bad": []object{
			{"config": object{}, "path": "server"},
			{"config": good(object{"server": []string{"http://h:1", "h:2379"}}), "path": "server[1]"},
			{"config": good(object{"node_ttl": "soon"}), "path": "node_ttl"},
			{"config": good(object{"username": ""}), "path": "username"},
			{"config": good(object{"prefix": "/"}), "path": "prefix"},
			{"config": good(object{"ssl": object{"certfile": "a"}}), "path": "ssl.keyfile"},
			{"config": good(object{"ssl": object{"enable": true, "cacertfile": "/nowhere"}}), "path": "ssl.cacertfile"},
		},
	})
}

func (f *Fixture) nodes() string { return prefix + f.Cluster + "/nodes/" }

// seed writes an entry as a node would. One whose name another uid has gets a
// key of its own, for the suite wants twins.
func (f *Fixture) seed(text string) error {
	var e struct {
		UID, Name, Host string
		Port            int
		Ready           bool
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	state := map[bool]string{true: "ready", false: "not_ready"}[e.Ready]
	value := fmt.Sprintf(`{"node_uid":%q,"name":%q,"endpoints":["%s:%d"],"readiness":%q}`, e.UID, e.Name, e.Host, e.Port, state)
	return f.admin(func(ctx context.Context, c *clientv3.Client) error {
		key := f.nodes() + e.Name
		r, err := c.Get(ctx, key)
		if err != nil {
			return err
		}
		if len(r.Kvs) > 0 && !strings.Contains(string(r.Kvs[0].Value), e.UID) {
			key = f.nodes() + e.UID + "@twin"
		}
		_, err = c.Put(ctx, key, value)
		return err
	})
}

func (f *Fixture) remove(uid string) error {
	return f.admin(func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Get(ctx, f.nodes(), clientv3.WithPrefix())
		if err != nil {
			return err
		}
		for _, kv := range r.Kvs {
			if strings.Contains(string(kv.Value), uid) {
				_, err = c.Delete(ctx, string(kv.Key))
				return err
			}
		}
		return fmt.Errorf("there is no entry of %s", uid)
	})
}

func (f *Fixture) fault(name string, on bool) error {
	switch name {
	case "down":
		f.etcd.Wire(0).Cut(on)
	case "slow":
		f.etcd.Wire(0).Hold(on)
	case "denied":
		return f.etcd.Deny(prefix, on)
	case "stopped":
		if on {
			f.etcd.Stop(0)
			f.etcd.Wire(0).Reset()
			return nil
		}
		return f.etcd.Restart(0)
	case "reset":
		f.etcd.Stop(0)
		f.etcd.Wire(0).Reset()
		return f.etcd.Restart(0)
	default:
		return fmt.Errorf("%w: fault %s", standing.ErrCannot, name)
	}
	return nil
}

func (f *Fixture) inspect() ([]byte, error) {
	out := map[string][]string{"entries": {}, "claims": {}}
	err := f.admin(func(ctx context.Context, c *clientv3.Client) error {
		r, err := c.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
		if err != nil {
			return err
		}
		for _, kv := range r.Kvs {
			if key := string(kv.Key); strings.HasSuffix(key, "/claim") {
				out["claims"] = append(out["claims"], key)
			} else {
				out["entries"] = append(out["entries"], key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (f *Fixture) admin(do func(context.Context, *clientv3.Client) error) error {
	return f.etcd.As(Root, RootPassword, do)
}
