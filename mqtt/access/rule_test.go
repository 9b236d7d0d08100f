package access

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestRuleErrors(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"permit all", "expected a rule that begins with allow or deny"},
		{`"allow" all`, "expected a rule that begins with allow or deny"},
		{"allow", "expected all, user NAME, client ID or ip ADDRESS"},
		{"allow user", "expected all, user NAME, client ID or ip ADDRESS"},
		{"allow publish a", "expected all, user NAME, client ID or ip ADDRESS"},
		{"allow ip 10.0.0.0/33", `found "10.0.0.0/33", expected an IP address, or a network such as 10.0.0.0/8`},
		{"allow ip fe80::1%eth0", "expected an IP address"},
		{"allow ip ::ffff:10.0.0.0/104", "expected an IP address"},
		{"allow ip localhost", "expected an IP address"},
		{"allow all write a", `found "write", expected publish, subscribe or all`},
		{"allow user alice bob publish", `found "bob", expected publish, subscribe or all`},
		{"allow all publish a/#/b", `topic "a/#/b": wildcard where none is allowed`},
		{"allow all publish a+", `topic "a+": wildcard where none is allowed`},
		{"allow all publish %c+", `topic "%c+": wildcard where none is allowed`},
		{`allow all publish ""`, `topic "": empty topic or filter`},
		{"allow all publish eq", "expected a topic after eq"},
		{"allow all publish eq a+", `topic "a+": wildcard where none is allowed`},
		{`allow all publish "a`, "expected a closing"},
		{`allow all publish "a"b`, "expected a closing"},
		{`allow all publish a"b`, "expected a closing"},
		{`allow all publish "a\n"`, "expected a closing"},
		{"allow all publish a\x00", "control character"},
	} {
		_, err := parseRules("rules", "\n# x\n"+c.line)
		var place *LineError
		if !errors.As(err, &place) || place.Line != 3 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		}
		if CheckRule(c.line) == nil {
			t.Errorf("%s: CheckRule finds nothing wrong", c.line)
		}
	}
}

// TestDocumentedRules: what the manual shows can be written.
func TestDocumentedRules(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations/access.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "A rule is one line:\n\n```\n")
	block, _, _ := strings.Cut(after, "```")
	if rules, err := parseRules("access.md", block); err != nil || len(rules) < 6 {
		t.Error(len(rules), err)
	}
}

func FuzzRules(f *testing.F) {
	f.Add("allow all\ndeny user alice client c1 ip 10.0.0.0/8 publish a/%c/# eq b/+ \"c d\"\n", "a/c1/x")
	f.Add("deny all subscribe ${username}/$SYS/+", "#")
	f.Fuzz(func(t *testing.T, text, topic string) {
		rules, err := parseRules("rules", text)
		var place *LineError
		if err != nil && (!errors.As(err, &place) || place.Line < 1) {
			t.Fatalf("no place: %v", err)
		}
		for _, publish := range []bool{true, false} {
			decide(rules, client{values: values{client: "c1", user: "u"}}, action{publish, topic}, false)
		}
	})
}
