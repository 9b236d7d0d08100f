package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// layerNames from the lowest to the highest.
var layerNames = []string{"dir1", "dir2", "file1", "file2", "env", "set", "flag"}

// optionsOf puts mqtt.max_inflight = value into each of the layers named.
func optionsOf(t *testing.T, values map[string]int) Options {
	files := map[string]string{}
	o := Options{ConfigDir: "d"}
	for i, name := range layerNames {
		value, used := values[name]
		text := ""
		if used {
			text = fmt.Sprint(value)
		}
		line := "mqtt.max_inflight = " + text
		if !used {
			line = "# nothing"
		}
		switch {
		case i < 2:
			files["d/"+name+".conf"] = line
		case i < 4:
			files[name] = line
			o.Files = append(o.Files, name)
		case name == "env":
			o.Environ = []string{"MUSTER_MQTT__MAX_INFLIGHT=" + text}
		case name == "set" && used:
			o.Set = []string{strings.ReplaceAll(line, " ", "")}
		case name == "flag" && used:
			o.Overrides = []Override{{"mqtt.max_inflight", text, "flag --x"}}
		}
	}
	dir := write(t, files)
	o.ConfigDir = filepath.Join(dir, o.ConfigDir)
	for i := range o.Files {
		o.Files[i] = filepath.Join(dir, o.Files[i])
	}
	return o
}

// TestLayersTwin: of whatever layers set a key the highest wins, and Show
// names it.
func TestLayersTwin(t *testing.T) {
	sources := map[string]string{"env": "environment MUSTER_MQTT__MAX_INFLIGHT", "set": "flag --set mqtt.max_inflight", "flag": "flag --x"}
	rapid.Check(t, func(rt *rapid.T) {
		used := rapid.SliceOfDistinct(rapid.SampledFrom(layerNames), rapid.ID).Draw(rt, "used")
		values := map[string]int{}
		for i, name := range used {
			values[name] = i + 1
		}
		c := mustLoad(t, optionsOf(t, values))
		want, source := 32, "default"
		for _, name := range layerNames {
			if v, ok := values[name]; ok {
				want, source = v, name
			}
		}
		if s, ok := sources[source]; ok {
			source = s
		}
		i := slices.IndexFunc(c.Show(), func(e Entry) bool { return e.Path == "mqtt.max_inflight" })
		if got := c.Show()[i]; c.MQTT.MaxInflight != want || got.Value != fmt.Sprint(want) || !strings.Contains(got.Source, source) {
			rt.Fatalf("%v: got %d, %+v, want %d from %s", values, c.MQTT.MaxInflight, got, want, source)
		}
	})
}
