package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms"
)

// runFlags are the flags of city run.
type runFlags struct {
	protocol, listen, http, store, username, passwordFile, certFile, keyFile string
}

func runCommand(errOut io.Writer) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "receive and count until interrupted",
		Long: `Run is a city platform for gateways with that protocol: a broker, a server or
both. It counts the distinct observations of each thing and acknowledges what it
has counted. With --store it goes on after a restart; city verify reads the same
file.

It listens on the loopback, over MQTT also elsewhere if it has a certificate and
a password.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), f, errOut) },
	}
	c.Flags().StringVar(&f.protocol, "protocol", "senml", "the `protocol` of the gateways")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:1883", "`address` to listen on for MQTT")
	c.Flags().StringVar(&f.http, "http", "127.0.0.1:8080", "`address` to listen on for HTTP")
	c.Flags().StringVar(&f.store, "store", "", "`file` to keep what was received in")
	c.Flags().StringVar(&f.username, "username", "", "`name` gateways must give")
	c.Flags().StringVar(&f.passwordFile, "password-file", "", "`file` with their password")
	c.Flags().StringVar(&f.certFile, "cert-file", "", "PEM `file` with the certificate, for TLS")
	c.Flags().StringVar(&f.keyFile, "key-file", "", "PEM `file` with its private key")
	return c
}

// serve runs a city until ctx is done.
func serve(ctx context.Context, f runFlags, errOut io.Writer) error {
	if err := f.check(); err != nil {
		return usageError{err}
	}
	log := slog.New(slog.NewTextHandler(errOut, nil))
	platform, err := platforms.Find(f.protocol)
	if err != nil {
		return usageError{fmt.Errorf("run: --protocol: %w", err)}
	}
	o := desk.Options{Platform: platform, Listen: f.listen, HTTP: f.http, Store: f.store, Username: f.username, Log: log}
	if f.passwordFile != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return fmt.Errorf("run: password: %w", err)
		}
		o.Password = strings.TrimRight(string(text), "\r\n")
	}
	if f.certFile != "" {
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return fmt.Errorf("run: certificate: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	}
	city, err := desk.Open(o)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("run: %w; stop the other broker or choose another --listen", err)
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	log.Info("city open", "protocol", f.protocol, "mqtt", city.Addr(), "http", city.HTTPAddr(), "store", f.store)
	<-ctx.Done()
	for _, thing := range city.Things() {
		r := city.Received(thing)
		log.Info("received", "thing", thing, "distinct", r.Distinct, "duplicates", r.Duplicates)
	}
	if err := city.Close(); err != nil {
		return fmt.Errorf("run: close: %w", err)
	}
	return nil
}

// check refuses flags that do not go together, all at once.
func (f runFlags) check() error {
	var errs []error
	if (f.username == "") != (f.passwordFile == "") {
		errs = append(errs, errors.New("run: --username and --password-file belong together"))
	}
	if (f.certFile == "") != (f.keyFile == "") {
		errs = append(errs, errors.New("run: --cert-file and --key-file belong together"))
	}
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		errs = append(errs, fmt.Errorf("run: --listen %s: want host:port", f.listen))
	} else if !loopback(host) && (f.certFile == "" || f.username == "") {
		errs = append(errs, fmt.Errorf("run: --listen %s: open to the network; give --cert-file, --key-file, --username and --password-file", f.listen))
	}
	if host, _, err := net.SplitHostPort(f.http); err != nil || !loopback(host) {
		errs = append(errs, fmt.Errorf("run: --http %s: want host:port of the loopback", f.http))
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
