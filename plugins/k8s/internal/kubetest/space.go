package kubetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/discovery/discoverytest/wire"
)

// Account is the service account of a Space, and Service the name of its
// service.
const (
	Account = "muster"
	Service = "muster"
)

// The groups of the API.
const (
	rbac        = "/apis/rbac.authorization.k8s.io/v1/namespaces/"
	discoveries = "/apis/discovery.k8s.io/v1/namespaces/"
	leases      = "/apis/coordination.k8s.io/v1/namespaces/"
	core        = "/api/v1/namespaces/"
)

// Space is a namespace with a service account, as a pod meets it: the files of
// the account are in a directory, and the API server is behind a Wire.
type Space struct {
	*Server
	Name string
	dir  string
	wire *wire.Wire
	made int // tokens
}

// Space makes a namespace whose files are in dir.
func (s *Server) Space(name, dir string) (*Space, error) {
	w, err := wire.New()
	if err != nil {
		return nil, err
	}
	sp := &Space{Server: s, Name: name, dir: dir, wire: w}
	sp.Reconnect()
	err = s.Do(http.MethodPost, "/api/v1/namespaces", Object{"metadata": Object{"name": name}}, nil)
	if err == nil {
		err = s.Do(http.MethodPost, core+name+"/serviceaccounts", Object{"metadata": Object{"name": Account}}, nil)
	}
	if err == nil {
		err = sp.Grant(AllRights())
	}
	if err == nil {
		err = sp.bind()
	}
	if err == nil {
		err = sp.Rotate()
	}
	for _, f := range []struct{ name, from, text string }{{name: caFile, from: caFile}, {name: "namespace", text: name}} {
		text := []byte(f.text)
		if f.from != "" && err == nil {
			text, err = os.ReadFile(filepath.Join(s.dir, f.from))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, f.name), text, 0o600)
		}
	}
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return sp, nil
}

// Close ends the wire. The namespace stays.
func (sp *Space) Close() { _ = sp.wire.Close() }

// Reconnect leads the wire to where the API server is now.
func (sp *Space) Reconnect() { sp.wire.Connect(sp.addr) }

// Via leads the wire to a gate.
func (sp *Space) Via(g *Gate) { sp.wire.Connect(g.Addr()) }

// Wire is what is in front of the API server.
func (sp *Space) Wire() *wire.Wire { return sp.wire }

// Config is a configuration of the plugin, with more in it.
func (sp *Space) Config(more Object) json.RawMessage {
	conf := Object{"apiserver": "https://" + sp.wire.Addr(), "tokenfile": filepath.Join(sp.dir, "token"), "service_name": Service}
	maps.Copy(conf, more)
	raw, _ := json.Marshal(conf)
	return raw
}

// Rights are verbs by resource, which may be in a group: "leases.coordination.k8s.io".
type Rights map[string][]string

// AllRights are those that the plugin asks for, for both sources.
func AllRights() Rights {
	return Rights{
		"endpointslices.discovery.k8s.io": {"list", "watch"}, "pods": {"list", "watch"},
		"leases.coordination.k8s.io": {"create", "get", "delete"},
	}
}

// Without returns the rights without one, such as "watch pods".
func (r Rights) Without(verb, resource string) Rights {
	out := maps.Clone(r)
	out[resource] = slices.DeleteFunc(slices.Clone(r[resource]), func(v string) bool { return v == verb })
	return out
}

// Grant makes these the rights of the role.
func (sp *Space) Grant(rights Rights) error {
	rules := []Object{}
	for _, full := range slices.Sorted(maps.Keys(rights)) {
		resource, group, _ := strings.Cut(full, ".")
		if len(rights[full]) > 0 {
			rules = append(rules, Object{"apiGroups": []string{group}, "resources": []string{resource}, "verbs": rights[full]})
		}
	}
	role := Object{"metadata": Object{"name": Account}, "rules": rules}
	path := rbac + sp.Name + "/roles"
	if sp.Do(http.MethodPut, path+"/"+Account, role, nil) == nil {
		return nil
	}
	return sp.Do(http.MethodPost, path, role, nil)
}

func (sp *Space) bind() error {
	return sp.Do(http.MethodPost, rbac+sp.Name+"/rolebindings", Object{
		"metadata": Object{"name": Account},
		"roleRef":  Object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": Account},
		"subjects": []Object{{"kind": "ServiceAccount", "name": Account, "namespace": sp.Name}},
	}, nil)
}

// Deny takes the role away, or gives it back, and waits until that counts.
func (sp *Space) Deny(on bool) error {
	err := sp.Do(http.MethodDelete, rbac+sp.Name+"/rolebindings/"+Account, nil, nil)
	if !on {
		err = sp.bind()
	}
	if err != nil {
		return err
	}
	return until("the change of rights counts", func() (bool, error) {
		may, err := sp.may("list", "pods")
		return may != on, err
	})
}

// Await waits until the account may do something, or may not.
func (sp *Space) Await(verb, resource string, granted bool) error {
	return until("the change of rights counts", func() (bool, error) {
		may, err := sp.may(verb, resource)
		return may == granted, err
	})
}

func (sp *Space) may(verb, full string) (bool, error) {
	resource, group, _ := strings.Cut(full, ".")
	var review struct{ Status struct{ Allowed bool } }
	err := sp.Do(http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", Object{"spec": Object{
		"user": "system:serviceaccount:" + sp.Name + ":" + Account, "groups": []string{"system:serviceaccounts", "system:authenticated"},
		"resourceAttributes": Object{"namespace": sp.Name, "verb": verb, "group": group, "resource": resource},
	}}, &review)
	return review.Status.Allowed, err
}

// Rotate puts a new token in the place of the old one, in one step as the
// kubelet does. It lives as long as a secret.
func (sp *Space) Rotate() error {
	sp.made++
	secret := fmt.Sprint("token-", sp.made)
	var made struct{ Metadata struct{ UID string } }
	if err := sp.Do(http.MethodPost, core+sp.Name+"/secrets", Object{"metadata": Object{"name": secret}}, &made); err != nil {
		return err
	}
	var answer struct{ Status struct{ Token string } }
	err := sp.Do(http.MethodPost, core+sp.Name+"/serviceaccounts/"+Account+"/token", Object{"spec": Object{
		"boundObjectRef": Object{"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": made.Metadata.UID},
	}}, &answer)
	if err != nil {
		return err
	}
	fresh := filepath.Join(sp.dir, "token.new")
	if err := os.WriteFile(fresh, []byte(answer.Status.Token), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(sp.dir, "token"))
}

// Token is the one in the file.
func (sp *Space) Token() (string, error) {
	text, err := os.ReadFile(filepath.Join(sp.dir, "token"))
	return string(text), err
}

// Revoke makes the token in the file worth nothing, and waits until the server
// knows: it keeps what it has found good for 10 s.
func (sp *Space) Revoke() error {
	token, err := sp.Token()
	if err != nil {
		return err
	}
	if err := sp.Do(http.MethodDelete, core+sp.Name+"/secrets/"+fmt.Sprint("token-", sp.made), nil, nil); err != nil {
		return err
	}
	return until("the token is worth nothing", func() (bool, error) {
		err := sp.As(token, http.MethodGet, "/api/v1/namespaces/"+sp.Name+"/pods", nil, nil)
		return err != nil && strings.Contains(err.Error(), "401"), err
	})
}

// Adopt makes the Space that of a namespace which others have made, with its
// own account and rights.
func (sp *Space) Adopt(namespace string) error {
	sp.Name = namespace
	if err := os.WriteFile(filepath.Join(sp.dir, "namespace"), []byte(namespace), 0o600); err != nil {
		return err
	}
	return sp.Rotate()
}
