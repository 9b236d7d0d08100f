package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// binaryPrefix and the strategy are the name of a plugin's binary.
const binaryPrefix = "muster-discovery-"

// systemDir is where packages put plugins.
const systemDir = "/usr/lib/muster/plugins"

// Lookup returns the absolute path of a strategy's plugin: path if it is set
// (cluster.plugins.<strategy>.path), else muster-discovery-<strategy> in dir
// (cluster.plugins.dir), else, where dir is empty, in plugins/ beside the
// running binary, /usr/lib/muster/plugins and $PATH. The error says where it
// looked and what to set.
func Lookup(strategy, path, dir string) (string, error) {
	if path != "" {
		if err := executable(path); err != nil {
			return "", fmt.Errorf("cluster.plugins.%s.path: %w", strategy, err)
		}
		return filepath.Abs(path)
	}
	name := binaryPrefix + strategy
	dirs := []string{dir}
	if dir == "" {
		dirs = defaultDirs()
	}
	for _, d := range dirs {
		file := filepath.Join(d, name)
		err := executable(file)
		if err == nil {
			return filepath.Abs(file)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err // there, but of no use: say so rather than look on
		}
	}
	where := strings.Join(dirs, ", ")
	if dir == "" {
		if file, err := exec.LookPath(name); err == nil {
			return filepath.Abs(file)
		}
		where += " and $PATH"
	}
	return "", fmt.Errorf("no plugin for strategy %q: %s is not in %s; install it there or set cluster.plugins.%s.path",
		strategy, name, where, strategy)
}

func defaultDirs() []string {
	self, err := os.Executable()
	if err != nil {
		return []string{systemDir}
	}
	return []string{filepath.Join(filepath.Dir(self), "plugins"), systemDir}
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable; run chmod +x on it", path)
	}
	return nil
}
