package sim

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/drivers/serialline"
)

// A SerialPart is at the other end of a serial line.
type SerialPart interface {
	// Write takes what the program sends.
	Write(b []byte)
	// Sent returns what the part sends after from and until to.
	Sent(from, to time.Time) []byte
	// Reset is the loss of power.
	Reset()
}

// AddSerial puts a part on a serial port, in place of what was there.
func (h *Host) AddSerial(device string, p SerialPart) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.serial == nil {
		h.serial = make(map[string]SerialPart)
	}
	h.serial[device] = p
}

// Serial opens a port with a part, at any speed. What the part sent before is
// lost, as on a real one.
func (h *Host) Serial(device string, _ int) (serialline.Port, error) {
	h.mu.Lock()
	p, ok := h.serial[device]
	h.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("serial %s: no part on this simulated host", device)
	}
	return &port{host: h, device: device, part: p, heard: time.Now()}, nil
}

// port is an open port.
type port struct {
	host   *Host
	device string
	part   SerialPart

	mu       sync.Mutex
	heard    time.Time // what was sent until then is in rest, or was read
	rest     []byte
	deadline time.Time
}

// pollTime is how often a port listens.
const pollTime = 5 * time.Millisecond

// SetReadDeadline implements serialline.Port.
func (p *port) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	return nil
}

// Read implements io.Reader.
func (p *port) Read(b []byte) (int, error) {
	for {
		n, wait := p.listen(b)
		if n > 0 {
			if err := p.host.outcome(Op{Bus: p.device, R: b[:n]}); err != nil {
				return 0, err
			}
			return n, nil
		}
		if wait == 0 {
			return 0, p.host.outcome(Op{Bus: p.device, Err: os.ErrDeadlineExceeded})
		}
		time.Sleep(wait)
	}
}

// listen takes what there is, or tells how long to wait; 0 is no longer.
func (p *port) listen(b []byte) (n int, wait time.Duration) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.host.mu.Lock()
	p.rest = append(p.rest, p.part.Sent(p.heard, now)...)
	p.host.mu.Unlock()
	p.heard = now
	n = copy(b, p.rest)
	p.rest = p.rest[n:]
	wait = pollTime
	if !p.deadline.IsZero() {
		wait = max(min(wait, p.deadline.Sub(now)), 0)
	}
	return n, wait
}

// Write implements io.Writer.
func (p *port) Write(b []byte) (int, error) {
	if err := p.host.outcome(Op{Bus: p.device, W: b}); err != nil {
		return 0, err
	}
	p.host.mu.Lock()
	defer p.host.mu.Unlock()
	p.part.Write(b)
	return len(b), nil
}

// Close implements io.Closer.
func (p *port) Close() error { return nil }
