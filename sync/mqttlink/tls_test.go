package mqttlink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().AddDate(-10, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sign returns a certificate and its key, as PEM.
func (a *authority) sign(t *testing.T, change func(*x509.Certificate)) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "x"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	require.NoError(t, err)
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder})
}

func (a *authority) server(t *testing.T, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(a.sign(t, change))
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	caFile := write(t, "ca.pem", string(ca.pem), 0o644)
	for name, tt := range map[string]struct {
		server *tls.Config
		caFile string
		want   string // "" is good
	}{
		"good":    {ca.server(t, nil), caFile, ""},
		"unknown": {ca.server(t, nil), "", "signed by an authority that is not known here; set ca_file"},
		"expired": {ca.server(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		}), caFile, "the broker's certificate expired on " + time.Now().Add(-24*time.Hour).UTC().Format(time.DateOnly)},
		"not yet valid": {ca.server(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
		}), caFile, "set the clock"},
		"another host": {ca.server(t, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"other.city.example"}
		}), caFile, `not for "127.0.0.1" but for other.city.example; check url`},
		"old": {func() *tls.Config {
			c := ca.server(t, nil)
			c.MaxVersion = tls.VersionTLS12
			return c
		}(), caFile, "the broker does not speak TLS 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			b := newBroker(t, tt.server)

			l, err := Connect(t.Context(), Settings{URL: "mqtts://" + b.address, CAFile: tt.caFile}, Options{ClientID: "x"})

			if tt.want == "" {
				require.NoError(t, err)
				require.NoError(t, l.Publish(t.Context(), "a", []byte("x"), false))
				require.NoError(t, l.Close())
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.want)
			assertOneLine(t, err)
		})
	}
}

func TestMutualTLS(t *testing.T) {
	noLeak(t)
	ca, other := newAuthority(t), newAuthority(t)
	caFile := write(t, "ca.pem", string(ca.pem), 0o644)
	server := ca.server(t, nil)
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	server.ClientCAs.AddCert(ca.cert)
	b := newBroker(t, server)
	s := Settings{URL: "mqtts://" + b.address, CAFile: caFile}

	_, err := Connect(t.Context(), s, Options{ClientID: "x"})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "wants a certificate of the gateway; set cert_file and key_file")

	cert, key := other.sign(t, nil)
	s.CertFile, s.KeyFile = write(t, "cert.pem", string(cert), 0o644), write(t, "key.pem", string(key), 0o600)
	_, err = Connect(t.Context(), s, Options{ClientID: "x"})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "refuses the gateway's certificate")

	cert, key = ca.sign(t, nil) // renewed under another name
	s.CertFile, s.KeyFile = write(t, "cert.pem", string(cert), 0o644), write(t, "key.pem", string(key), 0o600)
	l := connect(t, s, Options{})
	require.NoError(t, l.Publish(t.Context(), "a", []byte("x"), false))

	s.KeyFile = write(t, "key.pem", string(key), 0o644)
	_, err = Connect(t.Context(), s, Options{ClientID: "x"})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "chmod 600")
}

func TestCAFile(t *testing.T) {
	_, err := Settings{CAFile: "/nowhere"}.credentials().TLS("x")
	assert.EqualError(t, err, "ca_file: /nowhere: no such file or directory")
	_, err = Settings{CAFile: write(t, "ca.pem", "nothing", 0o644)}.credentials().TLS("x")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "want PEM")
}
