package kubetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// ErrAbsent says that a program was not built yet.
var ErrAbsent = errors.New("make kube-apiserver has not built it")

// Built is nil, or ErrAbsent.
func Built() error {
	_, err := program("kube-apiserver")
	if err == nil {
		_, err = program("kube-controller-manager")
	}
	return err
}

var required = regexp.MustCompile(`(?m)^require k8s\.io/kubernetes v(\S+)`)

// program is the path of a program of Kubernetes, at the version that
// conformance/kube requires.
func program(name string) (string, error) {
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(root, "conformance", "kube", "go.mod"))
	if err != nil {
		return "", err
	}
	version := required.FindSubmatch(mod)
	if version == nil {
		return "", errors.New("conformance/kube/go.mod requires no Kubernetes")
	}
	file := filepath.Join(root, "build", "cache", name+"-"+string(version[1]))
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(file), ErrAbsent)
	}
	return file, nil
}

// findRoot is the directory of go.work: above the working directory, or above
// this file where a fixture runs elsewhere.
func findRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	_, file, _, _ := runtime.Caller(0)
	for _, dir := range []string{here, filepath.Dir(file)} {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
				return dir, nil
			}
		}
	}
	return "", errors.New("not within the repository: there is no go.work above " + here)
}
