// Package control is the local API: HTTP over a unix socket. Who may open the
// socket may look; only root and the agent's own user may change anything.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// SocketName is the socket's file name.
const SocketName = "lamppost.sock"

// ErrRunning says that an agent serves the socket already.
var ErrRunning = errors.New("an agent is running")

// ErrNotRunning says that no agent serves the socket.
var ErrNotRunning = errors.New("no agent is running")

// address returns a path to the socket that is short enough for the kernel's
// 108 bytes, and what keeps it valid until it is closed.
func address(path string) (string, *os.File, error) {
	if len(path) < 100 {
		return path, nil, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path), dir, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	short, dir, err := address(path)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		defer dir.Close()
	}
	return new(net.Dialer).DialContext(ctx, "unix", short)
}

// Listen makes the socket, mode 0660, in place of one that nobody serves.
func Listen(path string) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if conn, err := dial(ctx, path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrRunning), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	short, dir, err := address(path)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		defer dir.Close()
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // by its short name it could not
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{l, path}, nil
}

type listener struct {
	*net.UnixListener
	path string
}

// Close also removes the socket.
func (l *listener) Close() error { return errors.Join(l.UnixListener.Close(), os.Remove(l.path)) }

// Serve answers requests until ctx is done. Every request but GET is a change:
// it is refused to all but root and the agent's user, and logged.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           guard(h, log),
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peer(c))
		},
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve returns its error
	defer stopped()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type peerKey struct{}

// peer returns the credentials of the other end, or nil.
func peer(c net.Conn) *syscall.Ucred {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil
	}
	var cred *syscall.Ucred
	err = raw.Control(func(fd uintptr) {
		if got, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			cred = got
		}
	})
	if err != nil {
		return nil
	}
	return cred
}

func guard(h http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cred, _ := r.Context().Value(peerKey{}).(*syscall.Ucred)
		if cred == nil {
			http.Error(w, "the caller is not known", http.StatusForbidden)
			return
		}
		if r.Method != http.MethodGet {
			allowed := cred.Uid == 0 || int(cred.Uid) == os.Getuid()
			log.Info("control", "path", r.URL.Path, "uid", cred.Uid, "pid", cred.Pid, "allowed", allowed)
			if !allowed {
				http.Error(w, "only root and the agent's user may do this", http.StatusForbidden)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
