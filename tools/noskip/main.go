package main

import (
	"fmt"
	"os"
)

func main() {
	r := newReport(os.Stdout)
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "noskip:", err)
		os.Exit(1)
	}
	if !r.close(os.Getenv("MUSTER_NO_SKIP") == "1") {
		os.Exit(1)
	}
}
