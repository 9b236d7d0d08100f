package strategy

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is what became of a case.
type Status string

// The values of Status.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Result is what became of one case.
type Result struct {
	Case     string        `json:"case"`
	Sentence string        `json:"sentence"`
	Status   Status        `json:"status"`
	Detail   string        `json:"detail,omitempty"` // why it failed or was skipped
	Took     time.Duration `json:"-"`
}

// Report is the outcome of a run.
type Report struct {
	Plugin       string   `json:"plugin"` // file name of the program
	SHA256       string   `json:"sha256"` // of the program
	Name         string   `json:"name"`   // as the plugin calls itself
	Version      string   `json:"version"`
	Capabilities []string `json:"capabilities"`
	Passed       int      `json:"passed"`
	Failed       int      `json:"failed"`
	Skipped      int      `json:"skipped"`
	Results      []Result `json:"results"`
}

func (r *Report) add(result Result) {
	r.Results = append(r.Results, result)
	switch result.Status {
	case Passed:
		r.Passed++
	case Failed:
		r.Failed++
	case Skipped:
		r.Skipped++
	}
}

// Summary is the outcome in one line.
func (r Report) Summary() string {
	return fmt.Sprintf("%s %s: %d passed, %d failed, %d skipped", r.Name, r.Version, r.Passed, r.Failed, r.Skipped)
}

// WriteJSON writes the report as JSON, the same for the same outcome: no
// times, no paths.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// WriteText writes one line a case.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, x := range r.Results {
		b.WriteString(Line(x))
	}
	fmt.Fprintf(&b, "%s\nsha256 %s\n", r.Summary(), r.SHA256)
	_, err := io.WriteString(w, b.String())
	return err
}

// Line is the line of one result, with its end.
func Line(x Result) string {
	mark := map[Status]string{Passed: "ok  ", Failed: "FAIL", Skipped: "skip"}[x.Status]
	line := fmt.Sprintf("%s  %-24s %s", mark, x.Case, x.Sentence)
	if x.Detail != "" {
		line += "\n      " + strings.ReplaceAll(x.Detail, "\n", "\n      ")
	}
	return line + "\n"
}

// The parts of the JUnit format that the usual readers know.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
}

// WriteJUnit writes the report in the XML format of JUnit.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{Name: r.Plugin, Tests: len(r.Results), Failures: r.Failed, Skipped: r.Skipped}
	for _, x := range r.Results {
		c := junitCase{Class: r.Name, Name: x.Case, Time: fmt.Sprintf("%.3f", x.Took.Seconds())}
		switch x.Status {
		case Failed:
			c.Failure = &junitMessage{x.Detail}
		case Skipped:
			c.Skipped = &junitMessage{x.Detail}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
