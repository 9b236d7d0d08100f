package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestLargeInput: what is just within the limits loads, or is refused, in time
// and memory that a node can spare.
func TestLargeInput(t *testing.T) {
	keys, shared := "cluster { discovery_strategy = x, x {\n", "a0 = {x = 1}\n"
	var b strings.Builder
	for i := range 15000 {
		fmt.Fprintf(&b, "k%d = [1, a]\n", i)
	}
	keys += b.String() + "} }"
	for i := range 13 {
		shared += fmt.Sprintf("a%d = {x = ${a%d}, y = ${a%[2]d}}\n", i+1, i)
	}
	if c, err := loadText(t, keys); err != nil || len(c.Show()) < 15000 {
		t.Error(err)
	}
	if _, err := loadText(t, shared); err == nil {
		t.Error("unknown keys pass")
	}
}
