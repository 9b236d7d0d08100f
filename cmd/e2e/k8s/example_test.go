package k8s

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The configuration in examples/kubernetes is one that a node takes without a
// warning. The objects around it are created on a real API server by a test of
// plugins/k8s.
func TestExampleConfiguration(t *testing.T) {
	text, err := os.ReadFile("../../../examples/kubernetes/muster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "  muster.conf: |\n")
	if !found {
		t.Fatal("there is no muster.conf in the example")
	}
	conf := ""
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		conf += line[4:]
	}
	file := filepath.Join(t.TempDir(), "muster.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command(bin.Path("muster"), "config", "check", file)
	check.Env = []string{"HOME=" + t.TempDir()}
	out, err := check.CombinedOutput()
	if err != nil || strings.Contains(string(out), "warning") || !strings.Contains(conf, "discovery_strategy = k8s") {
		t.Errorf("%v: %s\n%s", err, out, conf)
	}
}
