package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxRetryAfter bounds how long a server can keep us away.
const maxRetryAfter = 5 * time.Minute

// maxMessage bounds what is shown of a server's explanation, in bytes.
const maxMessage = 300

// Status is an answer by which an API server refuses a call (the type Status
// of the Kubernetes API).
type Status struct {
	Code       int           // of HTTP
	Reason     string        // such as Forbidden or Expired; "" where the server gives none
	Message    string        // one line for people
	RetryAfter time.Duration // when to ask again; 0 where the server does not say
}

var _ error = (*Status)(nil)

// Error returns the code and the server's explanation.
func (s *Status) Error() string {
	text := s.Message
	if text == "" {
		text = http.StatusText(s.Code)
	}
	return fmt.Sprintf("status %d: %s", s.Code, text)
}

// statusOf reads the answer to a call that was refused.
func statusOf(r *http.Response) *Status {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxStatus)) // what there is explains more than nothing
	s := decodeStatus(body)
	s.Code = r.StatusCode
	if seconds, err := strconv.Atoi(strings.TrimSpace(r.Header.Get("Retry-After"))); err == nil {
		s.RetryAfter = after(seconds)
	}
	return s
}

// decodeStatus reads the object, or the line of text that stands for one.
func decodeStatus(text []byte) *Status {
	var wire struct {
		Kind    string
		Code    int
		Reason  string
		Message string
		Details *struct{ RetryAfterSeconds int }
	}
	if json.Unmarshal(text, &wire) != nil || wire.Kind != "Status" {
		return &Status{Message: line(string(text))}
	}
	s := &Status{Code: wire.Code, Reason: line(wire.Reason), Message: line(wire.Message)}
	if wire.Details != nil {
		s.RetryAfter = after(wire.Details.RetryAfterSeconds)
	}
	return s
}

func after(seconds int) time.Duration {
	return time.Duration(min(max(seconds, 0), int(maxRetryAfter/time.Second))) * time.Second
}

// line makes text one short line that can be logged.
func line(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxMessage)], "")
	printable := func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}
	return strings.TrimSpace(strings.Map(printable, text))
}
