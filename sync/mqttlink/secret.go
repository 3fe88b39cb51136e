package mqttlink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent/clock"
)

// password reads the password, if there is one. It is read at each connection,
// so a renewed one takes effect.
func (s Settings) password() (string, error) {
	if s.PasswordFile == "" {
		return "", nil
	}
	text, err := readSecret(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("password_file: %s: want one line that is not empty", s.PasswordFile)
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

// tls returns the configuration of a connection to host. The files are read at
// each connection, so renewed certificates take effect.
func (s Settings) tls(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS13, Time: tlsTime}
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

// tlsTime is the time certificates are checked at. A gateway without a clock
// battery starts in the past, where no certificate is valid yet: it cannot be
// earlier than when this program was built.
func tlsTime() time.Time { return notBefore(time.Now(), clock.Built()) }

func notBefore(now, earliest time.Time) time.Time {
	if now.Before(earliest) {
		return earliest
	}
	return now
}
