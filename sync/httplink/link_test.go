package httplink

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canary is a secret that must never be seen.
const canary = "s3cret-canary"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func open(t *testing.T, s Settings) *Link {
	t.Helper()
	require.NoError(t, s.Validate())
	l, err := Open(s)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short\nand stout")
	}))
	defer server.Close()
	l := open(t, Settings{URL: server.URL + "/base/"})
	a, err := l.Do(t.Context(), Request{Method: "POST", Path: "/x?y=z", Header: map[string]string{"Content-Type": "text/plain"}, Body: []byte("body")})
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, a.Status)
	assert.Equal(t, "POST /base/x?y=z text/plain body", a.Header.Get("X-Seen"))
	assert.Equal(t, "short\nand stout", string(a.Body))
	assert.EqualError(t, a.Err("brew"), "brew: status 418: short and stout")
	require.NoError(t, l.Close())
	_, err = l.Do(t.Context(), Request{Method: "GET", Path: "/"})
	var retry *agent.RetryError
	assert.ErrorAs(t, err, &retry, "closed")
}

// What surely never left is told from what may have arrived.
func TestDoFails(t *testing.T) {
	var retry *agent.RetryError
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := "http://" + ln.Addr().String()
	require.NoError(t, ln.Close())
	_, err = open(t, Settings{URL: dead}).Do(t.Context(), Request{Method: "GET", Path: "/"})
	require.ErrorAs(t, err, &retry)
	assert.ErrorContains(t, err, "connection refused; is the server running, and the port right?")

	var arrived atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // only then an end of the connection is noticed
		switch r.URL.Path {
		case "/gone":
			panic(http.ErrAbortHandler)
		case "/slow":
			<-r.Context().Done()
		case "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		case "/away":
			http.Redirect(w, r, "http://"+r.Host+"/gone", http.StatusFound)
		}
	}))
	defer server.Close()
	l := open(t, Settings{URL: server.URL})
	for _, path := range []string{"/gone", "/half", "/slow"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := l.Do(ctx, Request{Method: "POST", Path: path + "?k=" + canary, Body: []byte("x")})
		cancel()
		require.Error(t, err, path)
		assert.NotErrorAs(t, err, &retry, "%s: it may have arrived", path)
		assert.NotContains(t, err.Error(), canary)
	}
	assert.EqualValues(t, 3, arrived.Load(), "nothing is sent again behind our back")
	a, err := l.Do(t.Context(), Request{Method: "POST", Path: "/away", Body: []byte("x")})
	require.NoError(t, err)
	assert.Equal(t, http.StatusFound, a.Status, "a redirect is not followed")
}

func TestAnswerErr(t *testing.T) {
	for _, tt := range []struct {
		status int
		after  string
		retry  bool
		pause  time.Duration
	}{
		{400, "", false, 0},
		{401, "", true, time.Minute},
		{403, "", true, time.Minute},
		{404, "", false, 0},
		{408, "", true, 0},
		{413, "", false, 0},
		{422, "", false, 0},
		{425, "", true, 0},
		{429, "17", true, 17 * time.Second},
		{500, "", true, 0},
		{502, "", true, 0},
		{503, "99999999", true, time.Hour},
		{503, "rubbish", true, 0},
		{504, "", true, 0},
	} {
		err := Answer{Status: tt.status, Header: http.Header{"Retry-After": {tt.after}}}.Err("x")
		var retry *agent.RetryError
		assert.Equal(t, tt.retry, errors.As(err, &retry), tt.status)
		if tt.retry {
			assert.Equal(t, tt.pause, retry.After, tt.status)
		}
	}
	at := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	var retry *agent.RetryError
	require.ErrorAs(t, Answer{Status: 503, Header: http.Header{"Retry-After": {at}}}.Err("x"), &retry)
	assert.InDelta(t, 60, retry.After.Seconds(), 2, "a date")
}

func TestAuthorization(t *testing.T) {
	var seen atomic.Value
	var tokens atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			id, secret, _ := r.BasicAuth()
			if id != "lamp" || secret != canary || r.FormValue("grant_type") != "client_credentials" {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, "wrong: "+secret)
				return
			}
			tokens.Add(1)
			_, _ = io.WriteString(w, `{"access_token":"t0ken","token_type":"Bearer","expires_in":3600}`)
			return
		}
		seen.Store(r.Header.Get("Authorization"))
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	ask := func(l *Link, path string) error {
		_, err := l.Do(t.Context(), Request{Method: "GET", Path: path})
		return err
	}
	require.NoError(t, ask(open(t, Settings{URL: server.URL, Username: "u", PasswordFile: write(t, "p\n")}), "/"))
	assert.Equal(t, "Basic dTpw", seen.Load())
	token := write(t, "one")
	l := open(t, Settings{URL: server.URL, TokenFile: token})
	require.NoError(t, ask(l, "/"))
	assert.Equal(t, "Bearer one", seen.Load())
	require.NoError(t, os.WriteFile(token, []byte("two"), 0o600))
	require.NoError(t, ask(l, "/"))
	assert.Equal(t, "Bearer two", seen.Load(), "a renewed token is read")

	secret := write(t, canary)
	l = open(t, Settings{URL: server.URL, TokenURL: server.URL + "/token", ClientID: "lamp", ClientSecretFile: secret})
	require.NoError(t, ask(l, "/"))
	require.NoError(t, ask(l, "/"))
	assert.Equal(t, "Bearer t0ken", seen.Load())
	assert.EqualValues(t, 1, tokens.Load(), "it is kept")
	require.NoError(t, ask(l, "/no"))
	require.NoError(t, ask(l, "/"))
	assert.EqualValues(t, 2, tokens.Load(), "one that is refused is asked for anew")

	l = open(t, Settings{URL: server.URL, TokenURL: server.URL + "/token", ClientID: "other", ClientSecretFile: secret})
	err := ask(l, "/")
	var retry *agent.RetryError
	require.ErrorAs(t, err, &retry, "nothing was sent")
	assert.ErrorContains(t, err, "check client_id and client_secret_file")
	assert.NotContains(t, err.Error(), canary)
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	ca := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	_, err := open(t, Settings{URL: server.URL, CAFile: ca}).Do(t.Context(), Request{Method: "GET", Path: "/"})
	require.NoError(t, err)
	_, err = open(t, Settings{URL: server.URL}).Do(t.Context(), Request{Method: "GET", Path: "/"})
	var retry *agent.RetryError
	require.ErrorAs(t, err, &retry)
	assert.ErrorContains(t, err, "the server's certificate is signed by an authority that is not known here; set ca_file")

	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	old.StartTLS()
	defer old.Close()
	_, err = open(t, Settings{URL: old.URL, CAFile: ca}).Do(t.Context(), Request{Method: "GET", Path: "/"})
	assert.ErrorContains(t, err, "does not speak TLS 1.3")
	_, err = Open(Settings{URL: server.URL, CAFile: write(t, "no PEM")})
	assert.ErrorContains(t, err, "no certificate in it")
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		settings Settings
		want     string
	}{
		"https":         {Settings{URL: "https://x/y"}, ""},
		"loopback":      {Settings{URL: "http://127.0.0.1:1/y"}, ""},
		"plain":         {Settings{URL: "http://x"}, "plain text over the network; use https:// or insecure = true"},
		"plain allowed": {Settings{URL: "http://x", Insecure: true}, ""},
		"scheme":        {Settings{URL: "ftp://x"}, `scheme "ftp"`},
		"nothing":       {Settings{}, `url = "": want something like`},
		"query":         {Settings{URL: "https://x?a=b"}, "something follows the path"},
		"secret":        {Settings{URL: "https://u:" + canary + "@x"}, "url has a user in it"},
		"half basic":    {Settings{URL: "https://x", Username: "u"}, "username and password_file belong together"},
		"half oauth":    {Settings{URL: "https://x", TokenURL: "https://y"}, "token_url, client_id and client_secret_file belong together"},
		"plain oauth":   {Settings{URL: "https://x", TokenURL: "http://y", ClientID: "c", ClientSecretFile: "f"}, `token_url = "http://y": plain text`},
		"two ways":      {Settings{URL: "https://x", Username: "u", PasswordFile: "p", TokenFile: "t"}, "choose one"},
		"key alone":     {Settings{URL: "https://x", KeyFile: "k"}, "cert_file and key_file belong together"},
		"unused ca":     {Settings{URL: "http://localhost", CAFile: "c"}, "plain text uses no certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.settings.Validate()
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), canary)
			assert.Equal(t, 0, strings.Count(err.Error(), "\n"), "one mistake, one line: %v", err)
		})
	}
}

// A gateway's certificate is renewed while a link lives.
func TestRenewedCertificate(t *testing.T) {
	pair := func(serial int64) (cert, key []byte, parsed *x509.Certificate) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
		require.NoError(t, err)
		parsed, err = x509.ParseCertificate(der)
		require.NoError(t, err)
		kder, err := x509.MarshalPKCS8PrivateKey(k)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder}), parsed
	}
	cert, key, first := pair(1)
	cert2, key2, second := pair(2)
	var serial atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		serial.Store(r.TLS.PeerCertificates[0].SerialNumber.Int64())
	}))
	pool := x509.NewCertPool()
	pool.AddCert(first)
	pool.AddCert(second)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	defer server.Close()
	s := Settings{
		URL: server.URL, CertFile: write(t, string(cert)), KeyFile: write(t, string(key)),
		CAFile: write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))),
	}
	l := open(t, s)
	_, err := l.Do(t.Context(), Request{Method: "GET", Path: "/"})
	require.NoError(t, err)
	assert.EqualValues(t, 1, serial.Load())
	require.NoError(t, os.WriteFile(s.CertFile, cert2, 0o600))
	require.NoError(t, os.WriteFile(s.KeyFile, key2, 0o600))
	server.CloseClientConnections()
	require.Eventually(t, func() bool {
		_, err := l.Do(t.Context(), Request{Method: "GET", Path: "/"})
		return err == nil && serial.Load() == 2
	}, 5*time.Second, 10*time.Millisecond)
}

// What proves who the gateway is goes to its own platform only, however much
// another address looks like it.
func TestSecretsStayAtHome(t *testing.T) {
	var seen atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "you said "+r.Header.Get("Authorization"))
	}))
	defer server.Close()
	s := Settings{URL: server.URL, TokenFile: write(t, canary)}
	a, err := open(t, s).Do(t.Context(), Request{Method: "GET", Path: server.URL + "/elsewhere"})
	require.NoError(t, err)
	assert.Equal(t, "Bearer "+canary, seen.Load())
	assert.Equal(t, "you said Bearer …", string(a.Body), "and is not shown")

	s.URL = server.URL[:len(server.URL)-1] // a port with a digit less
	_, err = open(t, s).Do(t.Context(), Request{Method: "GET", Path: server.URL + "/elsewhere"})
	require.NoError(t, err)
	assert.Empty(t, seen.Load())
}
