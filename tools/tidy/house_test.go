package tidy

import (
	"os"
	"testing"
)

// TestHouse applies every rule to the tree that holds this package. The go
// command does not see that the tree is an input: run it with -count=1.
func TestHouse(t *testing.T) {
	rules := Rules()
	all, err := Check(os.DirFS("../.."), rules...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range all[r.Name] {
				t.Error(f)
			}
		})
	}
}
