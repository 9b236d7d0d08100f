package node

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A data directory has one process; the next one waits a little for the end of
// the one before, and is then told what to do.
func TestDataDirIsLocked(t *testing.T) {
	path := t.TempDir()
	open := func() (*DataDir, error) {
		d, _, err := OpenDataDir(path, "n1@127.0.0.1", true, rand.Reader)
		return d, err
	}
	synctest.Test(t, func(t *testing.T) {
		first, err := open()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := open(); !errors.Is(err, ErrDirInUse) || !strings.Contains(err.Error(), path) || time.Since(began) != lockTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.AfterFunc(lockTime/2, func() {
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		})
		second, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}
