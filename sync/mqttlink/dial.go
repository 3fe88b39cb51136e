package mqttlink

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// Times of a connection. With them a peer that is gone is noticed within 45 s
// when nothing is sent, and within 30 s when something is.
const (
	connectTimeout = 30 * time.Second // all of Connect, if its context allows more
	writeTimeout   = 15 * time.Second
	keepAlive      = 30 * time.Second
	pingTimeout    = 10 * time.Second
	userTimeout    = 30 * time.Second // how long sent bytes may stay without a TCP acknowledgement
	offlineTimeout = time.Second      // how long Close waits for the last message
	quiesce        = 250              // milliseconds for the DISCONNECT to go out
)

// dial opens the TCP connection, and TLS over it unless config is nil.
func dial(ctx context.Context, address string, config *tls.Config) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         setUserTimeout,
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil || config == nil {
		return conn, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}
