package kubetest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// Object is any JSON object.
type Object = map[string]any

// dialAdmin makes the client of the admin, which speaks to the server itself.
func (s *Server) dialAdmin() error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	s.admin = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	return nil
}

func (s *Server) pool() (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, caFile))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool, nil
}

// Do is a call of the admin. An answer other than 2xx is an error that holds
// it. The answer is read into into, unless that is nil.
func (s *Server) Do(method, path string, body, into any) error {
	return s.As(adminToken, method, path, body, into)
}

// As is Do with another token.
func (s *Server) As(token, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequest(method, "https://"+s.addr+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		q.Header.Set("Content-Type", "application/merge-patch+json")
	}
	r, err := s.admin.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return err
	case r.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %s", method, path, r.Status, answer)
	case into != nil:
		return json.Unmarshal(answer, into)
	}
	return nil
}
