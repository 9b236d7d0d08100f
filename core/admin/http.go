package admin

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// reply answers with v as JSON.
func reply(w http.ResponseWriter, v any) { write(w, http.StatusOK, v) }

// write answers with a status and v as JSON, with its length: a reader knows
// that it has all of it even if the node ends at once. That the other side has
// gone away meanwhile is of no interest.
func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// fail answers with an error in one line.
func fail(w http.ResponseWriter, status int, text string) {
	write(w, status, failure{Error: strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")})
}

// quote shows text from outside in an error: short, and on one line.
func quote(s string) string {
	const enough = 100
	if len(s) > enough {
		return strconv.Quote(s[:enough]) + "…"
	}
	return strconv.Quote(s)
}

// read takes the JSON body into v and answers itself if that is not one
// object with known fields; an empty body is the empty object.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if errors.Is(err, io.EOF) {
		return true
	}
	if err == nil {
		_, err = d.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err == nil {
			err = errors.New("more than one value")
		}
	}
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		fail(w, http.StatusRequestEntityTooLarge, "body longer than "+strconv.Itoa(maxBody)+" bytes")
		return false
	}
	fail(w, http.StatusBadRequest, bodyError(err))
	return false
}

// bodyError says what is wrong with a body, and where if that is known.
func bodyError(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return "body, byte " + strconv.FormatInt(syntax.Offset, 10) + ": " + err.Error()
	case errors.As(err, &kind):
		return "body, " + kind.Field + ": a " + kind.Value + " where a " + kind.Type.String() + " belongs"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "body: it ends in the middle of a value"
	}
	return "body: " + strings.TrimPrefix(err.Error(), "json: ")
}

// onlyParams refuses query parameters other than those named: a misspelt one
// would otherwise be ignored without a word.
func onlyParams(h http.HandlerFunc, known []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			fail(w, http.StatusBadRequest, "query: "+err.Error())
			return
		}
		for _, name := range slices.Sorted(maps.Keys(query)) {
			if !slices.Contains(known, name) {
				fail(w, http.StatusBadRequest, unknownParam(name, known))
				return
			}
			if len(query[name]) > 1 {
				fail(w, http.StatusBadRequest, "query parameter "+name+" is given twice")
				return
			}
		}
		h(w, r)
	}
}

func unknownParam(name string, known []string) string {
	if len(known) == 0 {
		return "unknown query parameter " + quote(name) + ": there are none here"
	}
	return "unknown query parameter " + quote(name) + ": there are " + strings.Join(known, ", ")
}
