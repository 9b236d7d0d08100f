// Package hocon reads the configuration language of the Lightbend HOCON
// specification with the few leniencies that broker configurations need. It
// goes from text to values in three steps: Parse makes a Tree in which every
// value knows its place; Merge lays trees over one another; Resolve replaces
// the substitutions, which may point across all layers, and gives a Value.
//
// Beyond the specification, in text without quotes:
//
//   - '@' is text, so that name@host needs no quotes;
//   - in a value, ':' between two characters of text is text (host:port), and
//     "//" directly after it as well (scheme://host);
//   - outside [ ], a comma that is not followed on its line by a key and '=',
//     ':', '+=' or '{', nor by the end of the line, is text: a, b, c.
//
// Not read: includes of url(), classpath() and package(), and the properties
// format. Every limit of this package ends in an error that names it.
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
