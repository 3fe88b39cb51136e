package mqttlink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// An explanation is an error in words a technician understands; the cause
// stays in the chain.
type explanation struct {
	text  string
	cause error
}

// Error returns the words.
func (e *explanation) Error() string { return e.text }

// Unwrap returns the cause.
func (e *explanation) Unwrap() error { return e.cause }

// explain says in one line why a connection could not be made.
func explain(err error) error {
	for _, say := range []func(error) string{sayBroker, sayCertificate, sayAlert, sayNetwork} {
		if text := say(err); text != "" {
			return &explanation{text, err}
		}
	}
	return &explanation{strings.ReplaceAll(strings.TrimPrefix(err.Error(), "network Error : "), "\n", "; "), err}
}

// sayBroker is about what the broker answered.
func sayBroker(err error) string {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return "the broker refuses username or password; check username and password_file"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker refuses username or password, or this client; check username, password_file and the broker's access list"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refuses the client id; check thing.id"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker is not available; wait, or ask who runs it"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "the broker does not speak MQTT 3.1.1"
	}
	return ""
}

// sayCertificate is about the broker's certificate.
func sayCertificate(err error) string {
	var (
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		ca      x509.UnknownAuthorityError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		now, c := tlsTime(), invalid.Cert
		if now.Before(c.NotBefore) {
			return fmt.Sprintf("the broker's certificate is valid from %s, and here it is %s; set the clock",
				c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("the broker's certificate expired on %s; it must be renewed (here it is %s)",
			c.NotAfter.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	case errors.As(err, &host):
		return fmt.Sprintf("the broker's certificate is not for %q but for %s; check url", host.Host, namesOf(host.Certificate))
	case errors.As(err, &ca):
		return "the broker's certificate is signed by an authority that is not known here; set ca_file"
	case errors.As(err, &invalid):
		return fmt.Sprintf("the broker's certificate is not valid: %s", invalid.Error())
	case errors.As(err, &record):
		return "the broker does not speak TLS on this port; check the port in url"
	}
	return ""
}

func namesOf(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host"
	}
	return strings.Join(names, ", ")
}

// sayAlert is about what the broker's TLS did not like. Go gives alerts no
// exported type here.
func sayAlert(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	alert := strings.TrimPrefix(op.Err.Error(), "tls: ")
	switch alert {
	case "certificate required":
		return "the broker wants a certificate of the gateway; set cert_file and key_file"
	case "protocol version not supported":
		return "the broker does not speak TLS 1.3"
	case "bad certificate", "unknown certificate authority", "unknown certificate", "expired certificate", "revoked certificate", "unsupported certificate":
		return fmt.Sprintf("the broker refuses the gateway's certificate (%s); check cert_file", alert)
	}
	return fmt.Sprintf("the broker ends TLS: %s", alert)
}

// sayNetwork is about the way there.
func sayNetwork(err error) string {
	var (
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("no such host %q; check url", dns.Name)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %q was not resolved; check the network", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused; is the broker running, and the port right?"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no way to the broker; check the network"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time; check the network and the firewall"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker closed the connection"
	}
	return ""
}
