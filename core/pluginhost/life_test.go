package pluginhost

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-mqtt/muster/discovery"
)

func TestLife(t *testing.T) {
	o, _ := backed(t, nil)
	l, err := Launch(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	info, err := l.Client().Info(t.Context())
	if err != nil || info.Name != "backed" || l.PID() == 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := l.Client().Discover(t.Context()); err == nil {
		t.Error("Launch has configured it")
	}
	if stdout, _ := l.Output(); len(stdout) != 1 {
		t.Errorf("standard output: %q", stdout)
	}
	pid := l.PID()
	l.Stop(false)
	l.Stop(true)
	<-l.Gone()
	awaitDeath(t, pid, 0)
	if _, err := os.Stat(filepath.Join(o.RunDir, o.Strategy)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the run directory is still there: %v", err)
	}
}

func TestLaunchFails(t *testing.T) {
	o := toyOptions(t, `{}`)
	o.Path = script(t, "echo no plugin; exit 3")
	if _, err := Launch(t.Context(), o); err == nil || discovery.ClassOf(err) == discovery.NoClass {
		t.Errorf("got %v", err)
	}
	o.Strategy = "BAD NAME"
	if _, err := Launch(t.Context(), o); err == nil {
		t.Error("a bad name is allowed")
	}
}
