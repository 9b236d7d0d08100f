package strategy

import (
	"slices"

	"github.com/muster-mqtt/muster/discovery"
)

// Case is one promise of the contract.
type Case struct {
	Name     string
	Sentence string // what is promised
	Needs    []discovery.Capability
	check    func(p *probe)
}

// Cases returns all cases, in the order of the contract.
func Cases() []Case {
	return slices.Concat(infoCases, configureCases, discoverCases, failureCases, watchCases, registerCases, claimCases, processCases)
}

var (
	needWatch    = []discovery.Capability{discovery.CanWatch}
	needRegister = []discovery.Capability{discovery.CanRegister}
	needClaim    = []discovery.Capability{discovery.CanClaim}
)

// capabilityNames are the words of the contract.
var capabilityNames = map[discovery.Capability]string{
	discovery.CanWatch: "WATCH", discovery.CanRegister: "REGISTER", discovery.CanClaim: "CLAIM",
}
