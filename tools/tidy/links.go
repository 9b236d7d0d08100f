package tidy

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

var (
	// markdownLink finds [text](target) and ![text](target "title").
	markdownLink = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)`)
	inlineCode   = regexp.MustCompile("`[^`]*`")
)

// checkLinks: a relative link of a Markdown file leads to a file that exists.
func checkLinks(t *tree) []Finding {
	exists := map[string]bool{".": true}
	for _, f := range t.files {
		for p := f.path; p != "."; p = path.Dir(p) {
			exists[p] = true
		}
	}
	var found []Finding
	for _, f := range t.files {
		if path.Ext(f.path) != ".md" {
			continue
		}
		fenced := false
		eachLine(f.src, func(n int, line string) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if fenced {
				return
			}
			for _, target := range relativeLinks(line) {
				if to := path.Join(f.dir(), target); !exists[to] {
					found = append(found, Finding{f.path, n, "the link leads to " + to + ", which does not exist"})
				}
			}
		})
	}
	return found
}

// relativeLinks lists the link targets of a line that are files of this tree.
func relativeLinks(line string) []string {
	var targets []string
	for _, m := range markdownLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
		u, err := url.Parse(m[1])
		if err == nil && u.Scheme == "" && u.Host == "" && u.Path != "" {
			targets = append(targets, u.Path)
		}
	}
	return targets
}
