package strategy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
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
	b := p.bare()
	defer b.end()
	family := append(descendants(b.cmd.Process.Pid), b.cmd.Process.Pid)
	p.must("closing descriptor 3", b.lifeline.Close())
	p.until("the end of the plugin and its children after descriptor 3 has ended", orphanTime, func() bool {
		for _, pid := range family {
			if alive(pid) {
				return false
			}
		}
		return true
	})
}

// bare is a plugin with a host that has done no more than start it.
type bare struct {
	cmd         *exec.Cmd
	lifeline    *os.File // the host's end of the plugin's descriptor 3
	handshake   string
	certificate tls.Certificate // of the host
}

func (b *bare) end() {
	_ = syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL)
	_ = b.cmd.Wait()
	_ = b.lifeline.Close() // again, for one that has died by it
}

// bare starts the plugin as a host does and waits for its handshake.
func (p *probe) bare() *bare {
	theirs, lifeline, err := os.Pipe()
	p.must("a pipe", err)
	defer theirs.Close()
	b := &bare{cmd: exec.Command(p.job.o.Plugin, p.job.o.Args...), lifeline: lifeline}
	b.certificate, err = hostCertificate()
	p.must("a certificate", err)
	shown := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.certificate.Certificate[0]})
	h := discovery.Handshake()
	b.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, h.MagicCookieKey + "=" + h.MagicCookieValue,
		"PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000", "PLUGIN_PROTOCOL_VERSIONS=" + fmt.Sprint(discovery.ContractVersion),
		"PLUGIN_CLIENT_CERT=" + string(shown), "PLUGIN_UNIX_SOCKET_DIR=" + p.dir,
	}
	b.cmd.ExtraFiles = []*os.File{theirs}
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := b.cmd.StdoutPipe()
	p.must("a pipe", err)
	p.must("starting the plugin", b.cmd.Start())
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		first <- line
	}()
	late := time.NewTimer(startTime)
	defer late.Stop()
	select {
	case b.handshake = <-first:
	case <-late.C:
	}
	if b.handshake == "" {
		b.end()
		p.fail("no handshake within %v, or none at all", startTime)
	}
	return b
}

// hostCertificate is a client certificate as go-plugin's hosts make one.
func hostCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost", Organization: []string{"conformance"}},
		DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
