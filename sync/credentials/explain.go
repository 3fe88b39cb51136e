package credentials

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

// Explain says in one line, in words a technician understands, why there is no
// connection to a peer, such as "broker" or "server". The cause stays in the chain.
func Explain(err error, peer string) error {
	for _, say := range []func(error, string) string{sayCertificate, sayAlert, sayNetwork} {
		if text := say(err, peer); text != "" {
			return &explanation{text, err}
		}
	}
	return &explanation{strings.ReplaceAll(strings.TrimPrefix(err.Error(), "network Error : "), "\n", "; "), err}
}

// Say is an error of other words, with its cause in the chain.
func Say(text string, cause error) error { return &explanation{text, cause} }

// sayCertificate is about the peer's certificate.
func sayCertificate(err error, peer string) string {
	var (
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		ca      x509.UnknownAuthorityError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		now, c := Now(), invalid.Cert
		if now.Before(c.NotBefore) {
			return fmt.Sprintf("the %s's certificate is valid from %s, and here it is %s; set the clock", peer, c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		return fmt.Sprintf("the %s's certificate expired on %s; it must be renewed (here it is %s)", peer, c.NotAfter.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	case errors.As(err, &host):
		return fmt.Sprintf("the %s's certificate is not for %q but for %s; check url", peer, host.Host, namesOf(host.Certificate))
	case errors.As(err, &ca):
		return "the " + peer + "'s certificate is signed by an authority that is not known here; set ca_file"
	case errors.As(err, &invalid):
		return fmt.Sprintf("the %s's certificate is not valid: %s", peer, invalid.Error())
	case errors.As(err, &record):
		return "the " + peer + " does not speak TLS on this port; check the port in url"
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

// sayAlert is about what the peer's TLS did not like. Go gives alerts no
// exported type here.
func sayAlert(err error, peer string) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	alert := strings.TrimPrefix(op.Err.Error(), "tls: ")
	switch alert {
	case "certificate required":
		return "the " + peer + " wants a certificate of the gateway; set cert_file and key_file"
	case "protocol version not supported":
		return "the " + peer + " does not speak TLS 1.3"
	case "bad certificate", "unknown certificate authority", "unknown certificate", "expired certificate", "revoked certificate", "unsupported certificate":
		return fmt.Sprintf("the %s refuses the gateway's certificate (%s); check cert_file", peer, alert)
	}
	return fmt.Sprintf("the %s ends TLS: %s", peer, alert)
}

// sayNetwork is about the way there.
func sayNetwork(err error, peer string) string {
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
		return "connection refused; is the " + peer + " running, and the port right?"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no way to the " + peer + "; check the network"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time; check the network and the firewall"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the " + peer + " closed the connection"
	}
	return ""
}
