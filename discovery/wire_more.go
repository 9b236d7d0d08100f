package discovery

import (
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/muster-mqtt/muster/discovery/proto/v1"
)

func selfToWire(s Self) *v1.Self {
	return &v1.Self{
		NodeUid: s.NodeUID, Incarnation: s.Incarnation, Name: s.Name,
		Endpoints: endpointsToWire(s.Endpoints), Role: s.Role,
		Attributes: cleanAttributes(s.Attributes),
	}
}

func selfFromWire(w *v1.Self) Self {
	s := Self{
		NodeUID: w.GetNodeUid(), Incarnation: w.GetIncarnation(), Name: w.GetName(),
		Role: w.GetRole(), Attributes: w.GetAttributes(),
	}
	for _, e := range w.GetEndpoints() {
		s.Endpoints = append(s.Endpoints, Endpoint{Host: e.GetHost(), Port: uint16(e.GetPort())})
	}
	return s
}

func infoToWire(i Info) *v1.GetInfoResponse {
	out := &v1.GetInfoResponse{
		Name: i.Name, Version: i.Version, ConfigSchema: i.ConfigSchema,
		SecretPaths: i.SecretPaths, NeedsClusterKey: i.NeedsClusterKey,
		ContractMinorMin: i.MinorMin, ContractMinorMax: max(i.MinorMin, ContractMinor),
	}
	for _, c := range i.Capabilities {
		out.Capabilities = append(out.Capabilities, v1.Capability(c))
	}
	return out
}

// infoFromWire leaves out capabilities that this contract does not know.
func infoFromWire(w *v1.GetInfoResponse) Info {
	i := Info{
		Name: clean(w.GetName(), maxText), Version: clean(w.GetVersion(), maxText),
		ConfigSchema: w.GetConfigSchema(), SecretPaths: cleanAll(w.GetSecretPaths()),
		NeedsClusterKey: w.GetNeedsClusterKey(),
		MinorMin:        w.GetContractMinorMin(), MinorMax: w.GetContractMinorMax(),
	}
	for _, c := range w.GetCapabilities() {
		if c >= v1.Capability(CanWatch) && c <= v1.Capability(CanClaim) {
			i.Capabilities = append(i.Capabilities, Capability(c))
		}
	}
	return i
}

func registrationToWire(r Registration) *v1.Registration {
	return &v1.Registration{
		State: v1.RegistrationState(r.State), Since: fromTime(r.Since), Ttl: durationpb.New(r.TTL),
	}
}

func registrationFromWire(w *v1.Registration) Registration {
	r := Registration{Since: toTime(w.GetSince()), TTL: positive(w.GetTtl())}
	if s := w.GetState(); s > 0 && s <= v1.RegistrationState(RegistrationLost) {
		r.State = RegistrationState(s)
	}
	return r
}

func healthToWire(h Health) *v1.HealthResponse {
	out := &v1.HealthResponse{
		Backend:      v1.BackendState(h.Backend),
		LastErrorAt:  fromTime(h.LastErrorAt),
		LastOkAt:     fromTime(h.LastOKAt),
		Registration: registrationToWire(h.Registration),
		Notes:        cleanAll(h.Notes),
	}
	if h.LastError != nil {
		out.LastErrorClass = v1.ErrorClass(ClassOf(h.LastError))
		out.LastError = clean(h.LastError.Error(), maxReason)
	}
	return out
}

func healthFromWire(w *v1.HealthResponse) Health {
	h := Health{
		LastErrorAt: toTime(w.GetLastErrorAt()), LastOKAt: toTime(w.GetLastOkAt()),
		Registration: registrationFromWire(w.GetRegistration()), Notes: cleanAll(w.GetNotes()),
	}
	if b := w.GetBackend(); b > 0 && b <= v1.BackendState(BackendDown) {
		h.Backend = BackendState(b)
	}
	if w.GetLastError() != "" {
		e := &Error{Class: PluginInternal, Reason: clean(w.GetLastError(), maxReason)}
		if c := w.GetLastErrorClass(); c > 0 && c <= v1.ErrorClass(PluginInternal) {
			e.Class = Class(c)
		}
		h.LastError = e
	}
	return h
}
