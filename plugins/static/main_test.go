package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/discovery/discoverytest/program"
)

func TestRealProcess(t *testing.T) {
	path := program.Build(t, "static")
	out, err := exec.Command(path).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "static dev is a discovery plugin of muster.") {
		t.Errorf("by hand it said %q, %v", out, err)
	}
	alive, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	cmd := exec.Command(path)
	cmd.ExtraFiles = []*os.File{alive}
	cmd.Env = []string{"TMPDIR=" + t.TempDir()}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: discovery.Handshake(), VersionedPlugins: discovery.Plugins(), Cmd: cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, AutoMTLS: true, SkipHostEnv: true,
		StartTimeout: 20 * time.Second, Logger: hclog.NewNullLogger(),
	})
	defer client.Kill()
	conn, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	_ = alive.Close()
	raw, err := conn.Dispense(discovery.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	use(t, raw.(*discovery.Client))
}

func use(t *testing.T, c *discovery.Client) {
	t.Helper()
	ctx := t.Context()
	info, err := c.Info(ctx)
	if err != nil || info.Name != "static" || len(info.ConfigSchema) == 0 || len(info.Capabilities) != 0 {
		t.Errorf("info %+v, %v", info, err)
	}
	_, err = c.Configure(ctx, discovery.Setup{Config: []byte(`{"seeds":["a@h","b@h:x"]}`)})
	if discovery.ClassOf(err) != discovery.ConfigInvalid || !strings.Contains(err.Error(), "seeds[1]") {
		t.Errorf("bad seed: %v", err)
	}
	if _, err := c.Configure(ctx, discovery.Setup{Config: []byte(`{"seeds":"n1@127.0.0.1,n2@localhost"}`)}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Discover(ctx)
	if err != nil || len(a.Candidates) != 2 || a.Candidates[1].ClaimedName != "n2@localhost" {
		t.Errorf("answer %+v, %v", a, err)
	}
	if err := c.Shutdown(ctx, time.Second); err != nil {
		t.Error(err)
	}
}
