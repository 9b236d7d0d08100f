package hocon

import (
	"fmt"
	"strings"
	"testing"
)

// sample is a configuration of about that many bytes, of the kinds of line
// that operators write.
func sample(bytes int) []byte {
	var s strings.Builder
	for i := 0; s.Len() < bytes-300; i++ {
		fmt.Fprintf(&s, "section%d {\n  # what this is for\n  name = \"some text\"\n  bind = 0.0.0.0:1883\n  count = %d\n", i, i)
		s.WriteString("  timeout = 15s // of one try\n  list = [a, b, 3]\n  seeds = a@h1, b@h2\n  nested.key = ${section0.name} x\n  enable = on\n}\n")
	}
	return []byte(s.String())
}

// BenchmarkParse is to show at least 50 MB/s on a file of 1 MB, and no less on
// it than on smaller ones: the parser is linear.
func BenchmarkParse(b *testing.B) {
	for _, size := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%dKB", size/1000), func(b *testing.B) {
			text := sample(size)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse("x", text, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseJSON is the same on one long line.
func BenchmarkParseJSON(b *testing.B) {
	var s strings.Builder
	for i := 0; s.Len() < 1_000_000; i++ {
		fmt.Fprintf(&s, `,"node%d":{"name":"node number %[1]d","port":%[1]d,"open":true,"tags":["a","b",%[1]d]}`, i)
	}
	text := []byte("{" + s.String()[1:] + "}")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("x", text, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResolve adds what replaces the substitutions.
func BenchmarkResolve(b *testing.B) {
	text := sample(1_000_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tree, err := Parse("x", text, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tree.Resolve(nil); err != nil {
			b.Fatal(err)
		}
	}
}
