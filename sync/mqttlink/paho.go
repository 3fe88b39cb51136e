package mqttlink

import (
	"context"
	"net"
	"net/url"

	"github.com/eclipse/paho.mqtt.golang"
)

// paho returns the options that make paho honest: with a clean session and no
// reconnection of its own, the token of a message ends without an error only
// when its PUBACK has come. A client is never used for a second connection.
func (l *Link) paho(ctx context.Context, s Settings, e endpoint) (*mqtt.ClientOptions, error) {
	password, err := s.password()
	if err != nil {
		return nil, err
	}
	po := mqtt.NewClientOptions()
	if e.secure {
		if po.TLSConfig, err = s.credentials().TLS(e.host); err != nil {
			return nil, err
		}
	}
	if topic := l.options.WillTopic; topic != "" {
		if err := CheckTopic(topic); err != nil {
			return nil, err
		}
		po.SetBinaryWill(topic, l.options.WillPayload, 1, !l.options.FleetingWill)
	}
	po.SetClientID(l.options.ClientID).SetUsername(s.Username).SetPassword(password)
	po.SetProtocolVersion(4).SetCleanSession(true).SetOrderMatters(len(l.options.Subscriptions) > 0).SetStore(mqtt.NewMemoryStore())
	po.SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(connectTimeout)
	po.SetWriteTimeout(writeTimeout).SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout)
	po.SetConnectionLostHandler(func(_ mqtt.Client, err error) { l.lose(err) })
	po.Servers = []*url.URL{{Scheme: "tcp", Host: e.address()}}
	po.SetCustomOpenConnectionFn(func(_ *url.URL, po mqtt.ClientOptions) (net.Conn, error) {
		conn, err := dial(ctx, e.address(), po.TLSConfig)
		if err != nil {
			return nil, err
		}
		return conn, l.opened(ctx, conn)
	})
	return po, nil
}

// opened notes the connection, so that it can be closed under paho.
func (l *Link) opened(ctx context.Context, conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		conn.Close()
		return err
	}
	l.conn = conn
	return nil
}

// connect waits for the broker's word. Paho knows no contexts: when ctx is
// done, the connection is closed under it.
func (l *Link) connect(ctx context.Context) error {
	token := l.client.Connect()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
	}
	l.hangUp()
	go func() {
		<-token.Done() // soon: dial ends with ctx, and what it opened is closed
		l.disconnect()
	}()
	return ctx.Err()
}
