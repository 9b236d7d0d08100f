package discovery

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// ContractVersion is the major version of the contract, the key of
// VersionedPlugins on both sides.
const ContractVersion = 1

// ContractMinor is the newest minor version of it that this package speaks: 0
// is the first. A later one adds fields, calls and capabilities that the other
// side may not know, and changes nothing (proto/v1/HISTORY.md).
const ContractMinor = 0

// PluginName is what a host dispenses; the result is a *Client.
const PluginName = "discovery"

// Handshake is the go-plugin handshake of every version of the contract. It
// keeps a plugin from being run by hand; it is no secret.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{
		MagicCookieKey:   "MUSTER_DISCOVERY_PLUGIN",
		MagicCookieValue: "2b1c7a54-9d0e-4f8a-bb0c-6f0f5f3a7c11",
	}
}

// Plugins returns the host's set for VersionedPlugins. A new one for each
// plugin process: go-plugin writes into it.
func Plugins() map[int]plugin.PluginSet { return versioned(&grpcPlugin{}) }

func versioned(p *grpcPlugin) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ContractVersion: {PluginName: p}}
}

// grpcPlugin ties the contract to go-plugin. register is nil in a host.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

var _ plugin.GRPCPlugin = (*grpcPlugin)(nil)

func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

func (p *grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewClient(c), nil
}
