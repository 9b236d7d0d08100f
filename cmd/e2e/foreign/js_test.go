package foreign

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJavaScript plays the scenes with the client of the npm package mqtt,
// over TCP and over WebSocket.
func TestJavaScript(t *testing.T) {
	modules, err := filepath.Abs("../../../build/js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("skip: node is not installed (.ci/install does)")
	}
	if _, err := os.Stat(filepath.Join(modules, "mqtt")); err != nil {
		t.Skip("skip: the JavaScript client is not installed (cmd/e2e/foreign/js/install.sh does)")
	}
	shared := []string{"qos", "resume", "will", "retained"}
	t.Run("3.1.1", func(t *testing.T) { javaScript(t, modules, "4", shared) })
	t.Run("5.0", func(t *testing.T) {
		javaScript(t, modules, "5", append(shared, "aliases", "shared", "flow", "properties"))
	})
}

func javaScript(t *testing.T, modules, version string, scenes []string) {
	for name, url := range map[string]string{"tcp": "mqtt://" + node.MQTT, "websocket": "ws://" + node.WebSocket + "/mqtt"} {
		t.Run(name, func(t *testing.T) {
			for _, scene := range scenes {
				t.Run(scene, func(t *testing.T) {
					cmd := exec.CommandContext(t.Context(), "node", "js/scenes.js", scene, version, url, idOf(t, "js"))
					cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
		})
	}
}
