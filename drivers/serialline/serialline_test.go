package serialline

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pty returns the two ends of a pseudo terminal: one to play the part, and the
// path of the other.
func pty(t *testing.T) (*os.File, string) {
	t.Helper()
	part, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, part.Close()) })
	conn, err := part.SyscallConn()
	require.NoError(t, err)
	var number int
	var failed error
	require.NoError(t, conn.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}))
	require.NoError(t, failed)
	return part, fmt.Sprintf("/dev/pts/%d", number)
}

func opened(t *testing.T, device string, baud int) Port {
	t.Helper()
	p, err := Open(device, baud)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	require.NoError(t, p.SetReadDeadline(time.Now().Add(10*time.Second)))
	return p
}

// every is each byte once, among them those that a terminal would translate,
// swallow or take as an order: 03, 04, 0a, 0d, 11, 13, 1a, 7f.
func every() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestBytesPassUnchanged(t *testing.T) {
	part, device := pty(t)
	p := opened(t, device, 9600)

	_, err := part.Write(every())
	require.NoError(t, err)
	got := make([]byte, 256)
	_, err = io.ReadFull(p, got)
	require.NoError(t, err)
	assert.Equal(t, every(), got, "from the part")

	_, err = p.Write(every())
	require.NoError(t, err)
	got = make([]byte, 256)
	_, err = io.ReadFull(part, got)
	require.NoError(t, err)
	assert.Equal(t, every(), got, "to the part, and no echo of what it sent")
}

// A port that somebody has open keeps what came, for hours.
func TestOldBytesAreDropped(t *testing.T) {
	part, device := pty(t)
	opened(t, device, 9600)
	_, err := part.Write([]byte("old"))
	require.NoError(t, err)

	p := opened(t, device, 9600)
	_, err = part.Write([]byte("new"))
	require.NoError(t, err)

	got := make([]byte, 3)
	_, err = io.ReadFull(p, got)
	require.NoError(t, err)
	assert.Equal(t, "new", string(got))
}

func TestSpeed(t *testing.T) {
	for baud, want := range bauds {
		part, device := pty(t)
		opened(t, device, baud)
		conn, err := part.SyscallConn()
		require.NoError(t, err)
		require.NoError(t, conn.Control(func(fd uintptr) {
			termios, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
			require.NoError(t, err)
			assert.Equal(t, want, termios.Cflag&unix.CBAUD, baud)
			assert.EqualValues(t, unix.CS8, termios.Cflag&(unix.CSIZE|unix.PARENB|unix.CSTOPB), "8N1")
		}))
	}
}

func TestReadDeadline(t *testing.T) {
	_, device := pty(t)
	p := opened(t, device, 9600)
	require.NoError(t, p.SetReadDeadline(time.Now().Add(20*time.Millisecond)))

	_, err := p.Read(make([]byte, 1))

	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open("/dev/serial0", 12345)
	assert.EqualError(t, err, "serial /dev/serial0: no speed of 12345 baud")

	missing := filepath.Join(t.TempDir(), "ttyUSB0")
	_, err = Open(missing, 9600)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, "serial: open "+missing+": no such file or directory")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(file, 9600)
	assert.ErrorIs(t, err, syscall.ENOTTY, "no terminal")
	assert.ErrorContains(t, err, file)
}

func TestOpenNotAllowed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may open anything")
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0))
	_, err := Open(file, 9600)
	assert.ErrorIs(t, err, os.ErrPermission)
	assert.ErrorContains(t, err, "add the user to group dialout")
}
