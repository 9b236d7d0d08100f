package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
)

// maxAnswer bounds what the client reads of one answer, in bytes.
const maxAnswer = 64 << 20

func query(limit int, v url.Values) string {
	if v == nil {
		v = url.Values{}
	}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, out)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrNoNode, c.at, plain(err))
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrNoNode, c.at, err)
	}
	if len(raw) > maxAnswer {
		return fmt.Errorf("the answer of %s is longer than %d bytes: ask for less", c.at, maxAnswer)
	}
	return c.decode(resp, raw, out)
}

// decode reads an answer; one that is not ours is told as such.
func (c *Client) decode(resp *http.Response, raw []byte, out any) error {
	if resp.StatusCode/100 != 2 {
		var f struct {
			failure
			Reason string `json:"reason"` // of a health check
		}
		if json.Unmarshal(raw, &f) != nil {
			f.Error, f.Reason = "", ""
		}
		if f.Error = cmp.Or(f.Error, f.Reason); f.Error == "" {
			f.Error = fmt.Sprintf("%s answers %s: is it a node of ours?", c.at, resp.Status)
		}
		return &RefusedError{Status: resp.StatusCode, Text: f.Error}
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("the answer of %s is not one of ours: %w", c.at, err)
	}
	return nil
}

// plain takes the method and the URL, which say nothing over a socket, off an
// error of package http.
func plain(err error) error {
	var system *os.SyscallError
	if errors.As(err, &system) {
		return system.Err // "no such file or directory", without the call
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
