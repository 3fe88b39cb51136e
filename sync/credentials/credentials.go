// Package credentials is what connections to a city prove themselves with, and
// whom they trust: passwords, tokens and certificates, read from files each time
// so that renewed ones take effect, and never shown in an error.
package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent/clock"
)

// A Set says where the secrets and certificates of a connection are.
type Set struct {
	CAFile   string // PEM of the authorities that sign the peer's certificate; "" is the system's
	CertFile string // PEM of the gateway's own certificate, or ""
	KeyFile  string // PEM of its private key
}

// Validate tells what is wrong with the set, in a line each.
func (s Set) Validate() error {
	if (s.CertFile == "") != (s.KeyFile == "") {
		return errors.New("cert_file and key_file belong together: set both or none")
	}
	return nil
}

// Secret returns the one line in a file that only its owner may read. key is
// the key of the configuration that names the file.
func Secret(key, path string) (string, error) {
	text, err := readSecret(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s: %s: want one line that is not empty", key, path)
	}
	return line, nil
}

// maxSecret is far above any password or key.
const maxSecret = 1 << 20

// readSecret reads a file that nobody but its owner may read or change.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fileError(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it (mode %04o); chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// fileError leaves out the operation, which tells a technician nothing.
func fileError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}

// TLS returns the configuration of a connection to host: TLS 1.3. The files are
// read at each call.
func (s Set) TLS(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS13, Time: Now}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", fileError(err))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s: no certificate in it; want PEM (BEGIN CERTIFICATE)", s.CAFile)
		}
	}
	if s.CertFile == "" {
		return c, nil
	}
	cert, err := os.ReadFile(s.CertFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file: %w", fileError(err))
	}
	key, err := readSecret(s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert_file %s and key_file %s: %w", s.CertFile, s.KeyFile, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// Now is the time certificates are checked at. A gateway without a clock
// battery starts in the past, where no certificate is valid yet: it cannot be
// earlier than when this program was built.
func Now() time.Time { return notBefore(time.Now(), clock.Built()) }

func notBefore(now, earliest time.Time) time.Time {
	if now.Before(earliest) {
		return earliest
	}
	return now
}

// Loopback tells whether what goes to the host stays on this machine.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
