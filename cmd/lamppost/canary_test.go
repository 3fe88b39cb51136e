package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// canary is a secret that must be seen nowhere but on the wire.
const canary = "c4nary-in-the-pit"

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestSecretsAreNowhere runs a gateway against platforms that say all they heard
// in their errors, that hang up, and that are not there. No log line and nothing
// that status shows has a secret in it.
func TestSecretsAreNowhere(t *testing.T) {
	var heard syncBuffer
	gossip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			return
		}
		_, _ = heard.Write(dump)
		w.WriteHeader([]int{400, 401, 403, 404, 422, 500, 200}[len(dump)%7])
		_, _ = w.Write([]byte(r.Header.Get("Authorization") + " " + r.URL.String() + "\n"))
		_, _ = w.Write(dump)
	}))
	defer gossip.Close()
	hangsUp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hangsUp.Close()
	go func() {
		for {
			c, err := hangsUp.Accept()
			if err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			_, _ = heard.Write(b[:n])
			c.Close()
		}
	}()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte(canary+"\n"), 0o600))
	var text strings.Builder
	text.WriteString("board = \"sim\"\n[thing]\nid = \"lamp-042\"\nlocation = [6.6, 46.5]\n[buffer]\ndir = \"buffer\"\nmin_free = 1\n[[sensor]]\nname = \"air\"\ndriver = \"sht4x\"\nevery = \"1s\"\n")
	n := 0
	city := func(format string, args ...any) {
		n++
		fmt.Fprintf(&text, "[[city]]\nname = \"c%d\"\n%s\n", n, strings.ReplaceAll(fmt.Sprintf(format, args...), "SECRET", fmt.Sprintf("%q", secret)))
	}
	for _, to := range []string{"http://" + gossip.Listener.Addr().String(), "http://127.0.0.1:1", "http://" + hangsUp.Addr().String()} {
		for _, protocol := range []string{"senml", "ngsild", "sensorthings"} {
			city("protocol = %q\nurl = %q\ntoken_file = SECRET", protocol, to)
			city("protocol = %q\nurl = %q\nusername = \"lamp\"\npassword_file = SECRET", protocol, to)
			city("protocol = %q\nurl = %q\ntoken_url = %q\nclient_id = \"lamp\"\nclient_secret_file = SECRET", protocol, to, to+"/token")
		}
		for _, encoding := range []string{"json", "ul"} {
			city("protocol = \"fiware\"\nurl = %q\napi_key_file = SECRET\ntoken_file = SECRET\nencoding = %q", to, encoding)
			city("protocol = \"fiware\"\nurl = %q\napi_key_file = SECRET\nnorth_url = %q\nnorth_token_file = SECRET\nservice = \"x\"\nencoding = %q", to, to, encoding)
		}
	}
	for _, to := range []string{"mqtt://127.0.0.1:1", "mqtt://" + hangsUp.Addr().String()} {
		for _, protocol := range []string{"senml", "sparkplug", "thingsboard"} {
			city("protocol = %q\nurl = %q\nusername = \"lamp\"\npassword_file = SECRET", protocol, to)
		}
		city("protocol = \"thingsboard\"\nurl = %q\ntoken_file = SECRET", to)
		city("protocol = \"fiware\"\nurl = %q\napi_key_file = SECRET", to)
	}
	path := filepath.Join(dir, "lamppost.toml")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	cfg, err := config.Load(path, catalog)
	require.NoError(t, err)

	var log syncBuffer
	g, err := newGateway(cfg, nil, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(t, err)
	g.lastCall = 0
	for _, u := range g.uplinks {
		u.MinDelay, u.MaxDelay = 50*time.Millisecond, 100*time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var shown []byte
	time.AfterFunc(2500*time.Millisecond, func() { shown, _ = json.Marshal(g.status()) })
	require.NoError(t, g.run(ctx))

	require.Contains(t, heard.String(), canary, "it was on the wire")
	require.Contains(t, string(shown), "connection refused")
	basic := base64.StdEncoding.EncodeToString([]byte("lamp:" + canary))
	for what, text := range map[string]string{"the log": log.String(), "status": string(shown)} {
		require.NotEmpty(t, text)
		for _, secret := range []string{canary, basic, url.QueryEscape(basic)} {
			if i := strings.Index(text, secret); i >= 0 {
				assert.Failf(t, "a secret is seen", "in %s: %s", what, text[max(0, i-300):min(len(text), i+60)])
			}
		}
	}
}
