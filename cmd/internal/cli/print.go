package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/admin"
)

// statusLine is the line that older products print, to the letter.
func statusLine(c admin.Cluster) string {
	parts := []string{"{running_nodes," + quoteNodes(c.Running) + "}"}
	if len(c.Stopped) > 0 {
		parts = append(parts, "{stopped_nodes,"+quoteNodes(c.Stopped)+"}")
	}
	return "Cluster status: [" + strings.Join(parts, ",") + "]"
}

func quoteNodes(nodes []core.NodeID) string {
	quoted := make([]string, len(nodes))
	for i, n := range nodes {
		quoted[i] = "'" + oneLine(string(n)) + "'"
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// printTable prints rows in aligned columns, an empty cell as a dash.
func (c *cli) printTable(rows [][]string) error {
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = oneLine(cell); cell == "" {
				cells[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// printJSON prints v for programs: indented, and without HTML escapes.
func (c *cli) printJSON(v any) error {
	e := json.NewEncoder(c.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// clean takes the control characters, line ends apart, out of text that may
// come from elsewhere: a name must not steer the terminal that shows it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// oneLine is clean without line ends.
func oneLine(s string) string { return strings.ReplaceAll(clean(s), "\n", " ") }
