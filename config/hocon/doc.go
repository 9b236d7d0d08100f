// Package hocon reads the configuration language of the Lightbend HOCON
// specification with the few leniencies that broker configurations need. It
// goes from text to values in three steps: Parse makes a Tree in which every
// value knows its place; Merge lays trees over one another; Resolve replaces
// the substitutions, which may point across all layers, and gives a Value.
// Provider hands one on to koanf. testdata/valid.txt shows the language clause
// by clause, testdata/invalid.txt what is refused and where.
//
// Beyond the specification, always:
//
//   - '@' is text, so that name@host needs no quotes;
//   - in a value, ':' between two characters of text is text (host:port), and
//     "//" directly after it as well (scheme://host);
//   - outside [ ], a comma that is not followed on its line by a key and '=',
//     ':', '+=' or '{', nor by the end of the line, is text: a, b, c;
//   - a text in triple quotes that begins with ~ and a new line loses the
//     indentation that its lines share, and a ~ at its end;
//   - durations may be put together (1h30m) and have units in any case; sizes
//     have units in any case; a share may be written as 50%.
//
// As the specification leaves it open: a new line always ends a value. An
// included name without one of the endings .conf, .json and .properties is
// tried with each, those found laid over one another, HOCON last; and as it
// is, when none was found. A name in quotes lies beside the including file, one
// in file() is relative to the working directory. file: URLs are files;
// url(), classpath() and package() of anything else are errors, as nothing but
// files is read. A file included within a list may hold no substitution, and
// there is no += within a list, since no path leads there. Undefined
// substitutions are looked up in the environment.
//
// Every limit of this package ends in an error that names it.
package hocon

const (
	maxText     = 1 << 20 // bytes of one file or setting
	maxTotal    = 4 << 20 // bytes of one file with all that it includes
	maxDepth    = 100     // nesting of braces, brackets and path elements
	maxIncludes = 100     // files included by one file, also indirectly
	maxFileName = 4096    // bytes of the name of an included file
	maxNested   = 20      // includes within includes
	maxChain    = 1000    // substitutions that lead to one another
	maxWork     = 2 << 20 // steps of one Resolve
	maxResolved = 8 << 20 // bytes of one resolved value, written out
)
