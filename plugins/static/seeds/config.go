package seeds

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/discovery"
)

// maxSeeds bounds the list; each round resolves all of it.
const maxSeeds = 1000

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "seeds": {
      "description": "Nodes to look for: name@host, name@host:port, host:port or host. A list, or text with commas.",
      "default": [],
      "oneOf": [
        {"type": "array", "maxItems": 1000, "items": {"type": "string", "minLength": 1}},
        {"type": "string"}
      ]
    }
  }
}`

// config is the subtree cluster.static.
type config struct {
	Seeds list `json:"seeds"`
}

// list is a JSON list of texts, or one text with commas. An empty place
// between commas counts but is no entry.
type list []string

var _ json.Unmarshaler = (*list)(nil)

// UnmarshalJSON reads both forms.
func (l *list) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		for item := range strings.SplitSeq(text, ",") {
			*l = append(*l, strings.TrimSpace(item))
		}
		return nil
	}
	var items []any
	if json.Unmarshal(raw, &items) != nil {
		return discovery.InvalidConfig("seeds", "want a list, or text with commas")
	}
	for i, item := range items {
		text, ok := item.(string)
		if text = strings.TrimSpace(text); !ok || text == "" {
			return discovery.InvalidConfig(at(i), "want a text such as name@host:port")
		}
		*l = append(*l, text)
	}
	return nil
}

func at(i int) string { return fmt.Sprintf("seeds[%d]", i) }

// parse checks every entry and names the first that is wrong.
func (l list) parse() ([]seed, error) {
	var out []seed
	for i, text := range l {
		if text == "" {
			continue
		}
		if len(out) == maxSeeds {
			return nil, discovery.InvalidConfig(at(i), "more than %d seeds", maxSeeds)
		}
		s, err := parseSeed(text)
		if err != nil {
			return nil, discovery.InvalidConfig(at(i), "%v", err)
		}
		s.path = at(i)
		out = append(out, s)
	}
	return out, nil
}

// normal is the configuration as understood.
func normal(seeds []seed) json.RawMessage {
	texts := make([]string, len(seeds))
	for i, s := range seeds {
		texts[i] = s.text
	}
	raw, err := json.Marshal(map[string][]string{"seeds": texts})
	if err != nil {
		return nil // texts always marshal
	}
	return raw
}
