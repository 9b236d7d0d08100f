package hocon

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// atInclude tells whether an include begins here, rather than a key.
func (p *parser) atInclude() bool {
	after, ok := strings.CutPrefix(p.rest(), "include")
	r := firstRune(after)
	return ok && (r == eof || isSpace(r) || r == '"' || forbidden(r))
}

// includeArgAhead tells whether s, after the word include, goes on as one.
func includeArgAhead(s string) bool {
	s = s[spaceEnd(s, 0):]
	for _, arg := range []string{`"`, "required(", "file(", "url(", "classpath(", "package("} {
		if strings.HasPrefix(s, arg) {
			return true
		}
	}
	return false
}

// included is what an include statement says.
type included struct {
	at       pos
	name     string
	how      string // "" (adjacent to the including file), "file" or "url"
	required bool
}

func (p *parser) include(o *object, sc scope) error {
	inc := included{at: p.here()}
	p.skip(len("include"))
	p.blank()
	if err := p.includeArg(&inc); err != nil {
		return err
	}
	names, err := inc.candidates(p.src.name)
	if err != nil {
		return err
	}
	return p.load(o, sc, inc, names)
}

// includeArg takes "name", or file(), url() and required() around it.
func (p *parser) includeArg(inc *included) error {
	for _, call := range []string{"required", "file", "url"} {
		if !p.at(call+"(") || inc.how != "" || call == "required" && inc.required {
			continue
		}
		if call == "required" {
			inc.required = true
		} else {
			inc.how = call
		}
		return p.includeCall(inc, call)
	}
	for _, call := range []string{"classpath(", "package("} {
		if p.at(call) {
			return failure(p.here(), "found %s), expected a file: includes of %[1]s) are not supported, as nothing but files is read at run time", call)
		}
	}
	if p.next() != '"' {
		return p.unexpected(`a file name in quotes, file("…") or required("…") after include`)
	}
	var err error
	inc.name, err = p.quoted()
	return err
}

func (p *parser) includeCall(inc *included, call string) error {
	p.skip(len(call) + 1)
	p.blank()
	if err := p.includeArg(inc); err != nil {
		return err
	}
	if p.blank(); p.next() != ')' {
		return p.unexpected("the ) that closes " + call + "(")
	}
	p.skip(1)
	return nil
}

// knownFormats are the endings that a name may leave out, in the order in
// which they are laid over one another.
var knownFormats = []string{".properties", ".json", ".conf"}

// candidates returns the groups of files that an include may mean: of the
// first group in which one exists, all are read. from is the including file.
// A name in quotes alone lies beside that file; one in file() is relative to
// the working directory (specification, "locating resources").
func (inc included) candidates(from string) ([][]string, error) {
	name := inc.name
	scheme, _, _ := strings.Cut(name, ":")
	switch {
	case name == "":
		return nil, failure(inc.at, "found an empty file name, expected the file to include")
	case len(name) > maxFileName:
		return nil, failure(inc.at, "found a file name of %d bytes, expected at most %d", len(name), maxFileName)
	case strings.ContainsRune(name, 0):
		return nil, failure(inc.at, "found a file name with a zero byte, expected the file to include")
	case inc.how == "url" || inc.how == "" && slices.Contains([]string{"http", "https", "ftp", "jar", "file"}, scheme):
		u, err := url.Parse(name)
		if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || !strings.HasPrefix(u.Path, "/") {
			return nil, failure(inc.at, "found the URL %.200q, expected a file: includes of url() are not supported, as nothing is fetched at run time", name)
		}
		return [][]string{{filepath.Clean(u.Path)}}, nil
	}
	name = filepath.Clean(name)
	if inc.how == "" && !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(from), name)
	}
	if slices.Contains(knownFormats, filepath.Ext(name)) {
		return [][]string{{name}}, nil
	}
	var all []string
	for _, ending := range knownFormats {
		all = append(all, name+ending)
	}
	return [][]string{all, {name}}, nil
}
