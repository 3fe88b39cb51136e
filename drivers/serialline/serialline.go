// Package serialline is one serial port.
package serialline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Port is an open serial port: 8 data bits, no parity, 1 stop bit, no
// translation of any byte.
type Port interface {
	io.ReadWriteCloser
	// SetReadDeadline bounds reads; see [os.File.SetReadDeadline].
	SetReadDeadline(t time.Time) error
}

// bauds are the speeds that serial sensors have.
var bauds = map[int]uint32{
	1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200,
	38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200,
}

// Open opens the device at a speed, for example "/dev/serial0" at 9600. What was
// received before is dropped: another program may have the port open and not read.
func Open(device string, baud int) (Port, error) {
	speed, ok := bauds[baud]
	if !ok {
		return nil, fmt.Errorf("serial %s: no speed of %d baud", device, baud)
	}
	f, err := os.OpenFile(device, os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("serial %w; add the user to group dialout", err)
	}
	if err != nil {
		return nil, fmt.Errorf("serial: %w", err)
	}
	if err := raw(f, speed); err != nil {
		return nil, errors.Join(fmt.Errorf("serial %s: %w", device, err), f.Close())
	}
	return f, nil
}

// raw switches off all that a terminal would do with the bytes.
func raw(f *os.File, speed uint32) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			failed = err
			return
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
		t.Ispeed, t.Ospeed = speed, speed
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		failed = unix.IoctlSetTermios(int(fd), unix.TCSETSF, t) // F: flush what was received
	})
	return errors.Join(err, failed)
}
