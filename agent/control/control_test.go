package control

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, path string, h http.Handler) {
	t.Helper()
	l, err := Listen(path)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, Serve(ctx, l, h, slog.New(slog.DiscardHandler))) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func TestControl(t *testing.T) {
	for name, dir := range map[string]string{"short": "", "long": strings.Repeat("long/", 40)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), dir, SocketName)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			c := NewClient(path)
			assert.ErrorIs(t, c.Get(t.Context(), "/status", nil), ErrNotRunning)
			require.NoError(t, os.WriteFile(path, nil, 0o600), "left over by a kill")

			mux := http.NewServeMux()
			mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]int{"accepted": 7})
			})
			mux.HandleFunc("POST /fail", func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "city x is not known", http.StatusBadRequest)
			})
			serve(t, path, mux)

			var got map[string]int
			require.NoError(t, c.Get(t.Context(), "/status", &got))
			assert.Equal(t, 7, got["accepted"])
			var out bytes.Buffer
			require.NoError(t, c.Stream(t.Context(), "/status", &out))
			assert.JSONEq(t, `{"accepted":7}`, out.String())
			assert.EqualError(t, c.Post(t.Context(), "/fail", nil), "city x is not known")
			_, err := Listen(path)
			assert.ErrorIs(t, err, ErrRunning)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o660), info.Mode().Perm())
		})
	}
}

func TestChangesAreForTheOwner(t *testing.T) {
	called := false
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }), slog.New(slog.DiscardHandler))
	stranger := &syscall.Ucred{Uid: uint32(os.Getuid()) + 1}
	for _, tt := range []struct {
		method string
		cred   *syscall.Ucred
		want   bool
	}{
		{"GET", stranger, true},
		{"POST", stranger, false},
		{"DELETE", stranger, false},
		{"POST", &syscall.Ucred{Uid: 0}, true},
		{"POST", &syscall.Ucred{Uid: uint32(os.Getuid())}, true},
		{"GET", nil, false},
	} {
		called = false
		r, _ := http.NewRequestWithContext(context.WithValue(t.Context(), peerKey{}, tt.cred), tt.method, "/", nil)
		h.ServeHTTP(discard{}, r)
		assert.Equalf(t, tt.want, called, "%s by %+v", tt.method, tt.cred)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
