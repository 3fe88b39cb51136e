package mqttlink

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setUserTimeout lets the kernel end a connection whose peer acknowledges
// nothing any more: without it, a write into a dead modem waits for 15 minutes.
func setUserTimeout(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return set
}
