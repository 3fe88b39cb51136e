package mqttlink

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPassword(t *testing.T) {
	noLeak(t)
	b := newBroker(t, nil)
	b.user, b.password = "lamp", "s3cret canary"
	file := write(t, "password", "s3cret canary\n", 0o600)
	s := Settings{URL: "mqtt://" + b.address, Username: "lamp", PasswordFile: file}

	connect(t, s, Options{}).Close()

	require.NoError(t, os.WriteFile(file, []byte("another canary"), 0o600))
	_, err := Connect(t.Context(), s, Options{ClientID: "x"})
	require.Error(t, err, "the password is read at each connection")
	assert.Contains(t, err.Error(), "the broker refuses username or password")
	assert.NotContains(t, err.Error(), "canary")
	assertOneLine(t, err)
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		code byte
		want string
	}{
		"password":   {packets.ErrRefusedBadUsernameOrPassword, "the broker refuses username or password"},
		"not lawful": {packets.ErrRefusedNotAuthorised, "the broker refuses username or password, or this client"},
		"client id":  {packets.ErrRefusedIDRejected, "client id"},
		"busy":       {packets.ErrRefusedServerUnavailable, "not available"},
		"version":    {packets.ErrRefusedBadProtocolVersion, "MQTT 3.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			s := newStub(t, func(*stub, net.Conn, *packets.PublishPacket) {})
			s.refuse = tt.code

			_, err := Connect(t.Context(), Settings{URL: s.url()}, Options{ClientID: "x"})

			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.want)
			assertOneLine(t, err)
			s.mu.Lock()
			defer s.mu.Unlock()
			assert.Len(t, s.conns, 1, "one attempt a call")
		})
	}
}

func TestPasswordFile(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by the group": {"canary", 0o640, "chmod 600"},
		"readable by others":    {"canary", 0o604, "chmod 600"},
		"empty":                 {"\n", 0o600, "one line"},
		"two lines":             {"canary\ncanary\n", 0o600, "one line"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Settings{URL: "mqtt://127.0.0.1:1", Username: "u", PasswordFile: write(t, "password", tt.text, tt.mode)}

			_, err := Connect(t.Context(), s, Options{ClientID: "x"})

			require.Error(t, err)
			assert.Contains(t, err.Error(), "password_file")
			assert.Contains(t, err.Error(), tt.want)
			assert.NotContains(t, err.Error(), "canary")
		})
	}
	_, err := Settings{PasswordFile: "/nowhere"}.password()
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.EqualError(t, err, "password_file: /nowhere: no such file or directory")
	for text, want := range map[string]string{"a\n": "a", "a\r\n": "a", "a": "a", " a ": " a "} {
		got, err := Settings{PasswordFile: write(t, "p", text, 0o400)}.password()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestConnectFails(t *testing.T) {
	noLeak(t)
	ln := listen(t, nil)
	free := ln.Addr().String()
	ln.Close()

	_, err := Connect(t.Context(), Settings{URL: "mqtt://" + free}, Options{ClientID: "x"})

	require.Error(t, err)
	assert.Contains(t, err.Error(), "connect to "+free+": connection refused; ")
	assertOneLine(t, err)
}

func TestConnectHonoursItsContext(t *testing.T) {
	noLeak(t)
	ln := listen(t, nil) // accepts and says nothing
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, scheme := range []string{"mqtt://", "mqtts://"} {
		start := time.Now()

		_, err := Connect(ctx, Settings{URL: scheme + ln.Addr().String()}, Options{ClientID: "x"})

		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(start), 5*time.Second)
		assert.Contains(t, err.Error(), "no answer in time")
	}
}

func TestConnectToNoBroker(t *testing.T) {
	noLeak(t)
	ln := listen(t, nil)
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			conn.Close()
		}
	}()
	for _, scheme := range []string{"mqtt://", "mqtts://"} {
		_, err := Connect(t.Context(), Settings{URL: scheme + ln.Addr().String()}, Options{ClientID: "x"})

		require.Error(t, err)
		assertOneLine(t, err)
	}
}

func TestExplainNames(t *testing.T) {
	err := explain(&net.DNSError{Err: "no such host", Name: "broker.city.example", IsNotFound: true})
	assert.EqualError(t, err, `no such host "broker.city.example"; check url`)
	var dns *net.DNSError
	assert.ErrorAs(t, err, &dns, "the cause stays in the chain")
}

func assertOneLine(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(name, "/", "-"))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}
