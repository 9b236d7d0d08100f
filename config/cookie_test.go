package config

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestCookieSources(t *testing.T) {
	dir := write(t, map[string]string{"a": "from-a\n", "b": "  from-b", "bad": "two words", "empty": "", "loop": "file:///x"})
	home, file := "HOME="+dir, "MUSTER_COOKIE_FILE="+dir+"/b"
	for _, c := range []struct {
		configured   Secret
		environ      []string
		want, source string
	}{
		{"text", []string{home, file}, "text", "node.cookie"},
		{Secret("file://" + dir + "/a"), []string{home, file}, "from-a", dir + "/a"},
		{"", []string{home, file}, "from-b", dir + "/b"},
	} {
		got, source, err := Cookie(c.configured, c.environ)
		if err != nil || string(got) != c.want || source != c.source {
			t.Errorf("%v: got %s from %s, %v", c, string(got), source, err)
		}
	}
	for _, configured := range []string{"two words", "file://rel", "file://" + dir + "/no", "file://" + dir + "/bad", "file://" + dir + "/empty",
		"file://" + dir + "/loop", "file://" + dir, strings.Repeat("x", 256)} {
		if _, _, err := Cookie(Secret(configured), nil); err == nil || strings.Contains(err.Error(), "two words") {
			t.Errorf("%s: %v", configured, err)
		}
	}
	if _, _, err := Cookie("", nil); err == nil {
		t.Error("without HOME: no error")
	}
}

func TestCookieIsMadeOnce(t *testing.T) {
	home := t.TempDir()
	cookies := make([]Secret, 16)
	var wg sync.WaitGroup
	for i := range cookies {
		wg.Go(func() {
			c, source, err := Cookie("", []string{"HOME=" + home})
			if err != nil || source != filepath.Join(home, ".muster.cookie") {
				t.Error(source, err)
			}
			cookies[i] = c
		})
	}
	wg.Wait()
	for _, c := range cookies {
		if c != cookies[0] || len(c) != 43 {
			t.Fatalf("got %q and %q", string(c), string(cookies[0]))
		}
	}
	files, err := os.ReadDir(home)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	path := filepath.Join(home, ".muster.cookie")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Cookie("", []string{"HOME=" + home}); err == nil || !strings.Contains(err.Error(), "mode 0644 lets others read it") {
		t.Error(err)
	}
	if _, _, err := Cookie("", []string{"HOME=" + home + "/no"}); err == nil {
		t.Error("no error for a home that is not there")
	}
}
