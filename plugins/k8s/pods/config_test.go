package pods

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
)

// tokenOf makes the files of a service account and returns that of the token.
func tokenOf(t testing.TB, namespace string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"token": "the-token\n", "ca.crt": testCA, "namespace": namespace} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "token")
}

// testCA is a certificate, whose key nobody has.
const testCA = `-----BEGIN CERTIFICATE-----
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

// readText reads as outside a pod, whatever this machine is.
func readText(t testing.TB, text string) (settings, error) {
	t.Helper()
	return read(discovery.Setup{Config: []byte(text), ClusterName: "c"}, "/nowhere")
}

// What is not said is that of the pod's service account.
func TestDefaults(t *testing.T) {
	token := tokenOf(t, "shop\n")
	c, err := read(discovery.Setup{Config: []byte(`{}`), ClusterName: "c"}, filepath.Dir(token))
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		APIServer: "https://kubernetes.default.svc:443", ServiceName: "muster", Namespace: "shop", AddressType: "ip", Suffix: "pod.local",
		PortName: "cluster", TokenFile: token, CACertFile: filepath.Join(filepath.Dir(token), "ca.crt"),
	}
	if diff := cmp.Diff(want, c.config); diff != "" || len(c.warnings) > 0 {
		t.Error(diff, c.warnings)
	}
	if c, err = readText(t, `{"tokenfile":"`+tokenOf(t, "")+`"}`); err != nil || c.Namespace != "default" {
		t.Errorf("without a file: namespace %q, %v", c.Namespace, err)
	}
	if c, err = readText(t, `{"apiserver":"http://h","suffix":".svc.cluster.local."}`); err != nil || c.APIServer != "http://h:80" || c.Suffix != "svc.cluster.local" || len(c.warnings) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	var shown config
	if err := json.Unmarshal(c.normal(), &shown); err != nil || shown != c.config {
		t.Errorf("the normal form is %s", c.normal())
	}
}

// Outside a pod the files must be given; nothing goes without the authority.
func TestNoAccount(t *testing.T) {
	_, err := readText(t, `{}`)
	var e *discovery.Error
	if !errors.As(err, &e) || e.Path != "tokenfile" || !strings.Contains(e.Reason, "automountServiceAccountToken") {
		t.Error(err)
	}
}

func TestBadConfig(t *testing.T) {
	token := tokenOf(t, "shop")
	bad := tokenOf(t, "A_B")
	for _, x := range []struct{ text, path string }{
		{`{"apiserver":""}`, "apiserver"},
		{`{"apiserver":"h:443"}`, "apiserver"},
		{`{"apiserver":"ftp://h"}`, "apiserver"},
		{`{"apiserver":"https://"}`, "apiserver"},
		{`{"apiserver":"https://u:secret@h"}`, "apiserver"},
		{`{"apiserver":"https://h?a=b"}`, "apiserver"},
		{`{"apiserver":"https://h#a"}`, "apiserver"},
		{`{"apiserver":"https://h:0"}`, "apiserver"},
		{`{"apiserver":"https://h:70000"}`, "apiserver"},
		{`{"apiserver":"https://h:x"}`, "apiserver"},
		{`{"apiserver":7}`, "apiserver"},
		{`{"service_name":"a/b"}`, "service_name"},
		{`{"service_name":""}`, "service_name"},
		{`{"selector":"a=b\n"}`, ""},
		{`{"selector":"a=b\nc"}`, "selector"},
		{`{"selector":"ä=b"}`, "selector"},
		{`{"selector":"` + strings.Repeat("a", maxSelector+1) + `"}`, "selector"},
		{`{"namespace":"../x"}`, "namespace"},
		{`{"namespace":"Prod"}`, "namespace"},
		{`{"address_type":"IP"}`, "address_type"},
		{`{"suffix":""}`, "suffix"},
		{`{"suffix":"a..b"}`, "suffix"},
		{`{"suffix":"a b"}`, "suffix"},
		{`{"app_name":"a@b"}`, "app_name"},
		{`{"app_name":"` + strings.Repeat("a", 65) + `"}`, "app_name"},
		{`{"port_name":""}`, "port_name"},
		{`{"tokenfile":"/nowhere"}`, "tokenfile"},
		{`{"tokenfile":"` + token + `","cacertfile":"` + token + `"}`, "cacertfile"},
		{`{"tokenfile":"` + filepath.Dir(token) + `","cacertfile":"` + filepath.Dir(token) + `/ca.crt"}`, "tokenfile"},
		{`{"tokenfile":"` + bad + `"}`, "namespace"},
		{`{"no_such":1}`, "no_such"},
		{`[]`, ""},
	} {
		text := x.text
		if !strings.Contains(text, "file") && text != "[]" {
			text = strings.TrimSuffix(text, "}") + `,"tokenfile":"` + token + `"}`
		}
		_, err := readText(t, text)
		var e *discovery.Error
		if x.path == "" && err == nil {
			continue
		}
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != x.path || strings.Contains(e.Reason, "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzConfig: any text is read or refused with a class, and what was read is
// read alike from its normal form.
func FuzzConfig(f *testing.F) {
	token := tokenOf(f, "shop")
	for _, text := range []string{`{}`, `{"apiserver":"https://[::1]:6443/x"}`, `{"selector":"a in (b)","suffix":".x."}`, `{"app_name":"m","address_type":"dns"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasPrefix(text, "{") || strings.Contains(strings.ToLower(text), "file") {
			return // any file of this machine could be named
		}
		if text = strings.TrimSuffix(strings.TrimSpace(text), "}"); text != "{" {
			text += ","
		}
		c, err := readText(t, text+`"tokenfile":"`+token+`"}`)
		if err != nil {
			if discovery.ClassOf(err) != discovery.ConfigInvalid {
				t.Fatalf("%s: %v", text, err)
			}
			return
		}
		again, err := readText(t, string(c.normal()))
		if err != nil || again.config != c.config {
			t.Fatalf("%s: %+v becomes %+v, %v", text, c.config, again.config, err)
		}
	})
}
