package desk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// errAway is why Back fails after Close.
var errAway = errors.New("the city is closed")

// A port is an address that can vanish and come back.
type port struct {
	tls   *tls.Config
	log   *slog.Logger
	serve func(net.Conn) error // speaks with one client until it is gone

	mu      sync.Mutex
	address string
	ln      net.Listener // nil while the city is away
	conns   map[net.Conn]bool
	serving *sync.WaitGroup // the accept loop and all connections since the city is here
}

func (p *port) addr() string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

func (p *port) away() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	ln := p.ln
	p.ln = nil
	var err error
	if ln != nil {
		err = ln.Close()
		p.log.Info("city away", "address", p.address)
	}
	for conn := range p.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	serving := p.serving
	p.mu.Unlock()
	if serving != nil {
		serving.Wait()
	}
	return err
}

// back opens the address and accepts connections.
func (p *port) back() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.ln, p.address, p.conns, p.serving = ln, ln.Addr().String(), map[net.Conn]bool{}, new(sync.WaitGroup)
	p.serving.Go(func() { p.accept(ln) })
	p.log.Info("city here", "address", p.address)
	return nil
}

func (p *port) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.ln != ln {
			conn.Close()
			p.mu.Unlock()
			return
		}
		p.conns[conn] = true
		p.serving.Go(func() { p.speak(conn) })
		p.mu.Unlock()
	}
}

func (p *port) speak(conn net.Conn) {
	spoken := conn
	if p.tls != nil {
		spoken = tls.Server(conn, p.tls)
	}
	err := p.serve(spoken)
	p.log.Debug("connection ended", "remote", conn.RemoteAddr(), "err", err)
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// requests lets net/http serve single connections: it is a listener that hands
// them out.
type requests struct {
	server *http.Server
	conns  chan net.Conn
	over   chan struct{}

	mu   sync.Mutex
	ends map[net.Conn]chan struct{} // closed when the server is done with the connection
}

func serveRequests(handler http.Handler) *requests {
	r := &requests{conns: make(chan net.Conn), over: make(chan struct{}), ends: make(map[net.Conn]chan struct{})}
	r.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), ConnState: r.state}
	go r.server.Serve(r) // it ends with close
	return r
}

// serve returns when the server is done with the connection.
func (r *requests) serve(conn net.Conn) error {
	end := make(chan struct{})
	r.mu.Lock()
	r.ends[conn] = end
	r.mu.Unlock()
	select {
	case r.conns <- conn:
		<-end
		return nil
	case <-r.over:
		return http.ErrServerClosed
	}
}

func (r *requests) state(conn net.Conn, s http.ConnState) {
	if s != http.StateClosed && s != http.StateHijacked {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if end, ok := r.ends[conn]; ok {
		delete(r.ends, conn)
		close(end)
	}
}

// Accept implements net.Listener.
func (r *requests) Accept() (net.Conn, error) {
	select {
	case conn := <-r.conns:
		return conn, nil
	case <-r.over:
		return nil, http.ErrServerClosed
	}
}

// Close implements net.Listener.
func (r *requests) Close() error { return nil }

// Addr implements net.Listener.
func (r *requests) Addr() net.Addr { return &net.TCPAddr{} }

func (r *requests) close() error {
	close(r.over)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return r.server.Shutdown(ctx)
}
