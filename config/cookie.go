package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxCookie is the longest cookie, in bytes.
const maxCookie = 255

// Cookie returns the secret of the cluster: configured (node.cookie, text or
// file:///path), else the file that MUSTER_COOKIE_FILE names in environ, else
// $HOME/.muster.cookie, which it makes with mode 0600 and 256 random bits. The
// second result says where it came from. No error holds the cookie itself.
func Cookie(configured Secret, environ []string) (cookie Secret, source string, err error) {
	env := environMap(environ)
	path, isFile := strings.CutPrefix(string(configured), "file://")
	switch {
	case isFile:
	case configured != "":
		text, err := cookieText(string(configured))
		return Secret(text), "node.cookie", err
	case env[cookieFileEnv] != "":
		path = env[cookieFileEnv]
	case env["HOME"] == "":
		return "", "", fmt.Errorf("no cookie: set node.cookie, %s or HOME", cookieFileEnv)
	default:
		path = filepath.Join(env["HOME"], ".muster.cookie")
		err = ownCookie(path)
	}
	if err == nil {
		cookie, err = readCookie(path)
	}
	if err != nil {
		return "", path, fmt.Errorf("cookie from %s: %w", path, err)
	}
	return cookie, path, nil
}

// cookieText checks a cookie, or the name of its file.
func cookieText(s string) (string, error) {
	bad := func(r rune) bool { return r <= ' ' || r == 0x7f }
	switch path, isFile := strings.CutPrefix(s, "file://"); {
	case isFile && !filepath.IsAbs(path):
		return "", errors.New("found file:// without an absolute path, expected file:///path")
	case isFile:
		return s, nil
	case s == "" || len(s) > maxCookie || strings.ContainsFunc(s, bad):
		return "", fmt.Errorf("expected 1 to %d characters without spaces and control characters", maxCookie)
	}
	return s, nil
}

func readCookie(path string) (Secret, error) {
	text, err := readFile(path)
	if err != nil {
		return "", err
	}
	s, err := cookieText(strings.TrimSpace(string(text)))
	if strings.HasPrefix(s, "file://") {
		return "", errors.New("found file://, expected the cookie itself")
	}
	return Secret(s), err
}

// ownCookie makes the cookie file of this user where there is none, and
// refuses one that others may read.
func ownCookie(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeCookie(path)
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("mode %04o lets others read it, expected 0600 (chmod 600)", info.Mode().Perm())
	}
	return err
}

// makeCookie writes the file whole before it has its name, so that of several
// nodes that start together all read the one that came first.
func makeCookie(path string) (err error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	f, err := os.CreateTemp(filepath.Dir(path), ".muster.cookie.*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(base64.RawURLEncoding.EncodeToString(secret) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
