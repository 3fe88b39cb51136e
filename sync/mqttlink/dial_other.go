//go:build !linux

package mqttlink

import "syscall"

// setUserTimeout does nothing: TCP_USER_TIMEOUT is Linux's. The keep-alives of
// MQTT and TCP notice a dead peer here.
func setUserTimeout(_, _ string, _ syscall.RawConn) error { return nil }
