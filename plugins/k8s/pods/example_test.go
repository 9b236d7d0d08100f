package pods

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/internal/kubetest"
)

// collections are where the kinds of the example are made.
var collections = map[string]string{
	"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/mqtt/serviceaccounts", "ConfigMap": "/api/v1/namespaces/mqtt/configmaps",
	"Service": "/api/v1/namespaces/mqtt/services", "StatefulSet": "/apis/apps/v1/namespaces/mqtt/statefulsets",
	"Role":        "/apis/rbac.authorization.k8s.io/v1/namespaces/mqtt/roles",
	"RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/mqtt/rolebindings", "PodDisruptionBudget": "/apis/policy/v1/namespaces/mqtt/poddisruptionbudgets",
}

// objects are the documents of examples/kubernetes/muster.yaml, by kind and name.
func exampleObjects(t *testing.T) (order []string, all map[string]kubetest.Object) {
	t.Helper()
	text, err := os.ReadFile("../../../examples/kubernetes/muster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]kubetest.Object{}
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		o := kubetest.Object{}
		if err := yaml.UnmarshalStrict(doc, &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		kind, _ := o["kind"].(string)
		name, _ := o["metadata"].(kubetest.Object)["name"].(string)
		order = append(order, kind+" "+name)
		all[kind+" "+name] = o
	}
	return order, all
}

// The example is taken by a real API server that refuses unknown fields, a pod
// of it by the strictest of the pod security standards; and its Role is what
// the plugin needs: nothing is missing, and without any one verb something is.
func TestExample(t *testing.T) {
	s := newSpace(t)
	order, all := exampleObjects(t)
	for _, name := range order {
		kind, _, _ := strings.Cut(name, " ")
		path := collections[kind]
		if path == "" {
			t.Fatalf("the test does not know where to make a %s", kind)
		}
		s.must(s.Do(http.MethodPost, path+"?fieldValidation=Strict", all[name], nil))
	}
	template := all["StatefulSet muster"]["spec"].(kubetest.Object)["template"].(kubetest.Object)
	template["metadata"].(kubetest.Object)["name"] = "muster-0"
	spec := template["spec"].(kubetest.Object) // the controller adds the claim of the volume
	spec["volumes"] = append(spec["volumes"].([]any), kubetest.Object{"name": "data", "persistentVolumeClaim": kubetest.Object{"claimName": "data-muster-0"}})
	s.must(s.Do(http.MethodPost, "/api/v1/namespaces/mqtt/pods?fieldValidation=Strict&dryRun=All", template, nil))
	s.must(s.Adopt("mqtt"))
	defer func() { s.must(s.Do(http.MethodDelete, "/api/v1/namespaces/mqtt", nil, nil)) }()
	s.must(s.Await("list", "endpointslices.discovery.k8s.io", true))
	s.must(s.PutSlice("x", "IPv4", 4370, kubetest.Object{"addresses": []string{"10.0.0.1"}}))
	conf := discovery.Setup{Config: s.Config(nil), ClusterName: "mustercl"}
	if missing := warnings(t, conf); len(missing) > 0 {
		t.Errorf("the Role lacks %q", missing)
	}
	role := all["Role muster"]
	for i, rule := range role["rules"].([]any) {
		verbs := rule.(kubetest.Object)["verbs"].([]any)
		for j, verb := range verbs {
			rule.(kubetest.Object)["verbs"] = append(append([]any{}, verbs[:j]...), verbs[j+1:]...)
			if len(verbs) == 1 {
				rule.(kubetest.Object)["verbs"] = []any{"impersonate"}
			}
			s.must(s.Do(http.MethodPut, collections["Role"]+"/muster", role, nil))
			awaitWarning(t, conf, verb.(string), i)
		}
		rule.(kubetest.Object)["verbs"] = verbs
	}
}

// warnings are what Configure says of the rights.
func warnings(t *testing.T, conf discovery.Setup) []string {
	t.Helper()
	c, err := New(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Strategy.(*strategy).Close()
	return c.Warnings
}

// awaitWarning waits until one right is missing, which takes the server a
// moment to know.
func awaitWarning(t *testing.T, conf discovery.Setup, verb string, rule int) {
	t.Helper()
	tick, late := every(t)
	for {
		missing := warnings(t, conf)
		if len(missing) == 1 && strings.Contains(missing[0], ": "+verb+" ") {
			return
		}
		select {
		case <-tick:
		case <-late:
			t.Fatalf("without %s in rule %d the plugin warns of %q", verb, rule, missing)
		}
	}
}
