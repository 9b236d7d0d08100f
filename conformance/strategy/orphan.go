package strategy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/discovery"
)

// orphanTime is how long a plugin may outlive its host: 300 ms, and what a
// busy machine adds.
const orphanTime = 300*time.Millisecond + slack

// checkOrphan is a host that dies: it starts the plugin up to its handshake
// and then closes the pipe that the plugin has as descriptor 3.
func checkOrphan(p *probe) {
	cmd, lifeline, handshake := p.bare()
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	select {
	case line := <-handshake:
		if line == "" {
			p.fail("it ends without a handshake")
		}
	case <-time.After(startTime):
		p.fail("no handshake within %v", startTime)
	}
	family := append(descendants(cmd.Process.Pid), cmd.Process.Pid)
	p.must("closing descriptor 3", lifeline.Close())
	p.until("the end of the plugin and its children after descriptor 3 has ended", orphanTime, func() bool {
		for _, pid := range family {
			if alive(pid) {
				return false
			}
		}
		return true
	})
}

// bare starts the plugin as a host does, without speaking to it.
func (p *probe) bare() (cmd *exec.Cmd, lifeline *os.File, handshake chan string) {
	theirs, lifeline, err := os.Pipe()
	p.must("a pipe", err)
	defer theirs.Close()
	certificate, err := hostCertificate()
	p.must("a certificate", err)
	cmd = exec.Command(p.job.o.Plugin, p.job.o.Args...)
	h := discovery.Handshake()
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, h.MagicCookieKey + "=" + h.MagicCookieValue,
		"PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000", "PLUGIN_PROTOCOL_VERSIONS=" + fmt.Sprint(discovery.ContractVersion),
		"PLUGIN_CLIENT_CERT=" + certificate, "PLUGIN_UNIX_SOCKET_DIR=" + p.dir,
	}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := cmd.StdoutPipe()
	p.must("a pipe", err)
	p.must("starting the plugin", cmd.Start())
	handshake = make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		handshake <- line
	}()
	return cmd, lifeline, handshake
}

// hostCertificate is a client certificate as go-plugin's hosts make one.
func hostCertificate() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost", Organization: []string{"conformance"}},
		DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
