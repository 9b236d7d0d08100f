package pods

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/muster-mqtt/muster/discovery"
)

// object is what is kept of one EndpointSlice or one pod.
type object struct {
	name    string
	version string
	members []member
}

// member is a pod as one object tells of it.
type member struct {
	uid       string // of the pod; "" where the object does not say
	pod       string
	addresses []string // IP addresses, or names where isNames
	isNames   bool
	hostname  string
	subdomain string
	host      string // the machine that it runs on
	zone      string
	port      uint16 // 0: not said
	readiness discovery.Readiness
	version   string
}

// metadata is the part of ObjectMeta (meta/v1) that we look at.
type metadata struct {
	Name              string `json:"name"`
	UID               string `json:"uid"`
	ResourceVersion   string `json:"resourceVersion"`
	DeletionTimestamp string `json:"deletionTimestamp"`
}

// endpointSlice is the part of EndpointSlice (discovery.k8s.io/v1) that we
// look at.
type endpointSlice struct {
	Metadata    metadata   `json:"metadata"`
	AddressType string     `json:"addressType"`
	Endpoints   []endpoint `json:"endpoints"`
	Ports       []struct {
		Name *string `json:"name"`
		Port *int    `json:"port"`
	} `json:"ports"`
}

type endpoint struct {
	Addresses  []string `json:"addresses"`
	Conditions struct {
		Ready       *bool `json:"ready"`
		Terminating *bool `json:"terminating"`
	} `json:"conditions"`
	Hostname  string `json:"hostname"`
	NodeName  string `json:"nodeName"`
	Zone      string `json:"zone"`
	TargetRef *struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"targetRef"`
}

// readSlice reads an EndpointSlice. Those that are not ready are in it.
func (s source) readSlice(raw json.RawMessage) (object, error) {
	var x endpointSlice
	if err := json.Unmarshal(raw, &x); err != nil {
		return object{}, fmt.Errorf("not an EndpointSlice: %w", err)
	}
	out := object{name: x.Metadata.Name, version: x.Metadata.ResourceVersion}
	port := 0
	for _, p := range x.Ports {
		if p.Name != nil && *p.Name == s.port && p.Port != nil {
			port = *p.Port
		}
	}
	for _, e := range x.Endpoints {
		m := member{
			addresses: e.Addresses, isNames: x.AddressType == "FQDN", hostname: e.Hostname, subdomain: s.service,
			host: e.NodeName, zone: e.Zone, port: toPort(port), readiness: e.readiness(), version: out.version,
		}
		if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
			m.uid, m.pod = e.TargetRef.UID, e.TargetRef.Name
		}
		out.members = append(out.members, m)
	}
	return out, nil
}

// readiness follows the API: a condition that is not told of stands for ready.
func (e endpoint) readiness() discovery.Readiness {
	switch c := e.Conditions; {
	case c.Terminating != nil && *c.Terminating:
		return discovery.Terminating
	case c.Ready == nil || *c.Ready:
		return discovery.Ready
	}
	return discovery.NotReady
}

// pod is the part of Pod (core/v1) that we look at.
type pod struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Hostname   string `json:"hostname"`
		Subdomain  string `json:"subdomain"`
		NodeName   string `json:"nodeName"`
		Containers []struct {
			Ports []struct {
				Name          string `json:"name"`
				ContainerPort int    `json:"containerPort"`
			} `json:"ports"`
		} `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase  string `json:"phase"`
		PodIP  string `json:"podIP"`
		PodIPs []struct {
			IP string `json:"ip"`
		} `json:"podIPs"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// readPod reads a pod. One without an address yet, or one that has ended and
// whose address may be another's by now, has no members.
func (s source) readPod(raw json.RawMessage) (object, error) {
	var x pod
	if err := json.Unmarshal(raw, &x); err != nil {
		return object{}, fmt.Errorf("not a pod: %w", err)
	}
	out := object{name: x.Metadata.Name, version: x.Metadata.ResourceVersion}
	addresses := x.addresses()
	if len(addresses) == 0 || x.Status.Phase == "Succeeded" || x.Status.Phase == "Failed" {
		return out, nil
	}
	m := member{
		uid: x.Metadata.UID, pod: x.Metadata.Name, addresses: addresses, hostname: x.Spec.Hostname, subdomain: x.Spec.Subdomain,
		host: x.Spec.NodeName, readiness: x.readiness(), version: out.version,
	}
	if m.subdomain == "" {
		m.subdomain = s.service
	}
	for _, c := range x.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == s.port {
				m.port = toPort(p.ContainerPort)
			}
		}
	}
	out.members = []member{m}
	return out, nil
}

func (x *pod) addresses() (out []string) {
	for _, ip := range x.Status.PodIPs {
		if ip.IP != "" {
			out = append(out, ip.IP)
		}
	}
	if x.Status.PodIP != "" && !slices.Contains(out, x.Status.PodIP) {
		out = append(out, x.Status.PodIP)
	}
	return out
}

func (x *pod) readiness() discovery.Readiness {
	if x.Metadata.DeletionTimestamp != "" {
		return discovery.Terminating
	}
	for _, c := range x.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return discovery.Ready
		}
	}
	return discovery.NotReady
}

func toPort(n int) uint16 {
	if n < 1 || n > 65535 {
		return 0
	}
	return uint16(n)
}
