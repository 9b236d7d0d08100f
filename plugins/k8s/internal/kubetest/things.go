package kubetest

import (
	"net/http"
)

// Pod is a pod as the tests make one: no machine runs it.
type Pod struct {
	Name  string
	IPs   []string
	Port  int // of the container, named "cluster"; 0: none
	Ready bool
	// Ended is a phase, Succeeded or Failed.
	Ended    string
	Machine  string
	Labels   map[string]string // app=muster where nil
	Hostname string            // in the service muster
}

// PutPod makes a pod, and says of it what a kubelet would.
func (sp *Space) PutPod(p Pod) error {
	labels := p.Labels
	if labels == nil {
		labels = map[string]string{"app": Service}
	}
	container := Object{"name": "muster", "image": "muster"}
	if p.Port != 0 {
		container["ports"] = []Object{{"name": "cluster", "containerPort": p.Port}}
	}
	spec := Object{"containers": []Object{container}, "serviceAccountName": Account, "terminationGracePeriodSeconds": 0}
	if p.Machine != "" {
		spec["nodeName"] = p.Machine
	}
	if p.Hostname != "" {
		spec["hostname"], spec["subdomain"] = p.Hostname, Service
	}
	err := sp.Do(http.MethodPost, core+sp.Name+"/pods", Object{"metadata": Object{"name": p.Name, "labels": labels}, "spec": spec}, nil)
	if err != nil {
		return err
	}
	return sp.SayPod(p)
}

// SayPod sets the state of a pod that there is.
func (sp *Space) SayPod(p Pod) error {
	ips := []Object{}
	for _, ip := range p.IPs {
		ips = append(ips, Object{"ip": ip})
	}
	phase := "Running"
	if p.Ended != "" {
		phase = p.Ended
	}
	state := Object{"phase": phase, "podIPs": ips, "conditions": []Object{{"type": "Ready", "status": map[bool]string{true: "True", false: "False"}[p.Ready]}}}
	if len(p.IPs) > 0 {
		state["podIP"] = p.IPs[0]
	}
	return sp.Do(http.MethodPatch, core+sp.Name+"/pods/"+p.Name+"/status", Object{"status": state}, nil)
}

// RemovePod takes a pod away at once.
func (sp *Space) RemovePod(name string) error {
	return sp.Do(http.MethodDelete, core+sp.Name+"/pods/"+name+"?gracePeriodSeconds=0", nil, nil)
}

// PutSlice makes an EndpointSlice of the service. kind is its addressType.
func (sp *Space) PutSlice(name, kind string, port int, endpoints ...Object) error {
	if endpoints == nil {
		endpoints = []Object{}
	}
	slice := Object{
		"metadata":    Object{"name": name, "labels": map[string]string{"kubernetes.io/service-name": Service}},
		"addressType": kind, "endpoints": endpoints,
	}
	if port != 0 {
		slice["ports"] = []Object{{"name": "cluster", "port": port}}
	}
	return sp.Do(http.MethodPost, discoveries+sp.Name+"/endpointslices", slice, nil)
}

// RemoveSlice takes an EndpointSlice away.
func (sp *Space) RemoveSlice(name string) error {
	return sp.Do(http.MethodDelete, discoveries+sp.Name+"/endpointslices/"+name, nil, nil)
}

// PutService makes the headless service, which the controllers make
// EndpointSlices of.
func (sp *Space) PutService() error {
	return sp.Do(http.MethodPost, core+sp.Name+"/services", Object{
		"metadata": Object{"name": Service},
		"spec": Object{
			"clusterIP": "None", "selector": map[string]string{"app": Service},
			"ports": []Object{{"name": "cluster", "port": 4370}},
		},
	}, nil)
}

// PutMachine makes what Kubernetes calls a node.
func (sp *Space) PutMachine(name, zone string) error {
	return sp.Do(http.MethodPost, "/api/v1/nodes", Object{
		"metadata": Object{"name": name, "labels": map[string]string{"topology.kubernetes.io/zone": zone}},
	}, nil)
}

// Leases are the names of the leases.
func (sp *Space) Leases() ([]string, error) {
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	err := sp.Do(http.MethodGet, leases+sp.Name+"/leases", nil, &list)
	names := []string{}
	for _, l := range list.Items {
		names = append(names, l.Metadata.Name)
	}
	return names, err
}

// Lease reads a lease into into.
func (sp *Space) Lease(name string, into any) error {
	return sp.Do(http.MethodGet, leases+sp.Name+"/leases/"+name, nil, into)
}

// PutLease makes one that is not ours.
func (sp *Space) PutLease(name, holder string) error {
	return sp.Do(http.MethodPost, leases+sp.Name+"/leases", Object{
		"metadata": Object{"name": name}, "spec": Object{"holderIdentity": holder},
	}, nil)
}
