package rest

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// secure is a server with https and the options to speak to it.
func secure(t *testing.T, h http.HandlerFunc) (*httptest.Server, Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	o := Options{Server: parse(t, s.URL), TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.crt")}
	write(t, o.TokenFile, "one\n")
	write(t, o.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	return s, o
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// The token is that in the file at the moment of the call.
func TestTokenIsReadAnew(t *testing.T) {
	_, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"name":"`+r.Header.Get("Authorization")+`"}`)
	})
	c := client(t, o)
	for _, token := range []string{"one", "two"} {
		write(t, o.TokenFile, " "+token+"\n")
		var got struct{ Name string }
		if err := c.Do(t.Context(), Call{Path: "/x"}, &got); err != nil || got.Name != "Bearer "+token {
			t.Errorf("%q, %v", got.Name, err)
		}
	}
	for _, text := range []string{"", "\n", "two words", "a\x00b", strings.Repeat("x", maxToken+1)} {
		write(t, o.TokenFile, text)
		if err := c.Do(t.Context(), Call{Path: "/x"}, nil); !errors.Is(err, ErrToken) || err == nil || len(text) > 1 && strings.Contains(err.Error(), text) {
			t.Errorf("%.10q: %.100v", text, err)
		}
	}
	if err := os.Remove(o.TokenFile); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), Call{Path: "/x"}, nil); !errors.Is(err, ErrToken) {
		t.Error(err)
	}
}

// A token goes to nobody but the server that the authority vouches for: not
// over http, not after a redirect, not to another certificate.
func TestTokenStaysHome(t *testing.T) {
	tokens := make(chan string, 10)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { tokens <- r.Header.Get("Authorization") }))
	defer thief.Close()
	_, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	})
	var status *Status
	if err := client(t, o).Do(t.Context(), Call{Path: "/x"}, nil); !errors.As(err, &status) || status.Code != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %v", err)
	}
	plain := o
	plain.Server = parse(t, thief.URL)
	if err := client(t, plain).Do(t.Context(), Call{Path: "/x"}, nil); err != nil || <-tokens != "" {
		t.Errorf("over http: %v", err)
	}
	_, other := secure(t, func(_ http.ResponseWriter, r *http.Request) { tokens <- r.Header.Get("Authorization") })
	impostor := other
	impostor.CAFile = filepath.Join(t.TempDir(), "ca.crt")
	write(t, impostor.CAFile, anotherCA)
	if err := client(t, impostor).Do(t.Context(), Call{Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("another authority: %v", err)
	}
	elsewhere := other
	elsewhere.Server = parse(t, strings.Replace(other.Server.String(), "127.0.0.1", "localhost", 1))
	if err := client(t, elsewhere).Do(t.Context(), Call{Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("another name: %v", err)
	}
	if len(tokens) > 0 {
		t.Errorf("a token has come to %q", <-tokens)
	}
}

// The authority is read for each connection.
func TestAuthorityIsReadAnew(t *testing.T) {
	s, o := secure(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	good, err := os.ReadFile(o.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, o)
	for _, text := range []string{anotherCA, "nonsense", string(good)} {
		write(t, o.CAFile, text)
		s.CloseClientConnections()
		c.Close()
		if err := c.Do(t.Context(), Call{Path: "/x"}, nil); (err == nil) != (text == string(good)) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := Pool(filepath.Dir(o.CAFile)); err == nil {
		t.Error("a directory was read")
	}
}

// A call carries what it is told to, below the path of the server.
func TestCall(t *testing.T) {
	_, o := secure(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/base/x" || r.URL.RawQuery != "a=b+c" || string(body) != `{"n":1}` || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	o.Server.Path = "/base/"
	call := Call{Method: http.MethodPost, Path: "/x", Query: url.Values{"a": {"b c"}}, Body: map[string]int{"n": 1}}
	if err := client(t, o).Do(t.Context(), call, nil); err != nil {
		t.Error(err)
	}
}

// A call ends when its context does, with the context's own error.
func TestDeadline(t *testing.T) {
	free := make(chan bool)
	_, o := secure(t, func(http.ResponseWriter, *http.Request) { <-free })
	defer close(free)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := client(t, o).Do(ctx, Call{Path: "/x"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestStatus(t *testing.T) {
	for _, x := range []struct {
		header, body string
		want         Status
		text         string
	}{
		{"", `{"kind":"Status","reason":"Expired","message":"too old"}`, Status{418, "Expired", "too old", 0}, "status 418: too old"},
		{"", `{"kind":"Status","message":"a\nb","details":{"retryAfterSeconds":2}}`, Status{418, "", "a b", 2 * time.Second}, "status 418: a b"},
		{"3", `{"kind":"Status"}`, Status{418, "", "", 3 * time.Second}, "status 418: I'm a teapot"},
		{"999999999999999999999", "busy", Status{418, "", "busy", 0}, "status 418: busy"},
		{"99999", "busy", Status{418, "", "busy", maxRetryAfter}, "status 418: busy"},
		{"-5", `{"kind":"Pod","message":"x"}`, Status{418, "", `{"kind":"Pod","message":"x"}`, 0}, `status 418: {"kind":"Pod","message":"x"}`},
		{"Wed, 21 Oct 2015 07:28:00 GMT", "\x1b[31m\xff" + strings.Repeat("x", 1000), Status{418, "", "[31m" + strings.Repeat("x", maxMessage-6), 0}, ""},
	} {
		r := &http.Response{StatusCode: 418, Header: http.Header{"Retry-After": {x.header}}, Body: io.NopCloser(strings.NewReader(x.body))}
		got := statusOf(r)
		if *got != x.want || x.text != "" && got.Error() != x.text {
			t.Errorf("%q: %+v (%s)", x.body, *got, got)
		}
	}
}

// anotherCA is a certificate, whose key nobody has.
const anotherCA = `-----BEGIN CERTIFICATE-----
MIIBkjCCATmgAwIBAgIUQJYFQXIBZqz10Y2G8EkKS6QmiCowCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTdGhlIHRlc3RzIG9mIG11c3RlcjAgFw0yNjExMjEwODMxNTNa
GA8yMTI2MTAyODA4MzE1M1owHjEcMBoGA1UEAwwTdGhlIHRlc3RzIG9mIG11c3Rl
cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKWH1RPp2BCP4nCpPhd6/8GeHY7z
Cfj91HX7iWzj0Xoda5jIyNvmB9JUclV2aBQxcXeQrECz/g1XXhKfCBe86s2jUzBR
MB0GA1UdDgQWBBTe25EuAyeE0N4C8dF8j7jLZXRXvDAfBgNVHSMEGDAWgBTe25Eu
AyeE0N4C8dF8j7jLZXRXvDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cA
MEQCIHNwYDG04ajDKy4ma4h1kCNR0iJe/jOukDhTO8NlT4bQAiBxxMbKoNwAtQGO
/wK704kpjsMDYGLJPbf4FAPgYZ9FCQ==
-----END CERTIFICATE-----
`
