package access

import "github.com/muster-mqtt/muster/core"

// count is an index of countNames.
type count int

const (
	loginPassword count = iota
	loginCertificate
	loginAnonymous
	refusedPassword
	refusedDisabled
	refusedAnonymous
	refusedLate
	deniedPublish
	deniedSubscribe
	reloads
	reloadsFailed

	numCounts
)

// countNames are the names of the counters. Logins and refusals together are
// the attempts.
var countNames = [numCounts]core.Count{
	loginPassword:    {Name: "mqtt_logins_total", Reason: "password"},
	loginCertificate: {Name: "mqtt_logins_total", Reason: "certificate"},
	loginAnonymous:   {Name: "mqtt_logins_total", Reason: "anonymous"},
	refusedPassword:  {Name: "mqtt_logins_refused_total", Reason: "password"},
	refusedDisabled:  {Name: "mqtt_logins_refused_total", Reason: "disabled"},
	refusedAnonymous: {Name: "mqtt_logins_refused_total", Reason: "anonymous"},
	refusedLate:      {Name: "mqtt_logins_refused_total", Reason: "too_late"},
	deniedPublish:    {Name: "mqtt_access_denied_total", Reason: "publish"},
	deniedSubscribe:  {Name: "mqtt_access_denied_total", Reason: "subscribe"},
	reloads:          {Name: "mqtt_access_reloads_total", Reason: "done"},
	reloadsFailed:    {Name: "mqtt_access_reloads_total", Reason: "failed"},
}

// Counters returns the value of every counter, always the same ones in the
// same order.
func (a *Access) Counters() []core.Count {
	out := make([]core.Count, numCounts)
	for i := range out {
		out[i] = countNames[i]
		out[i].Value = a.counts[i].Load()
	}
	return out
}
