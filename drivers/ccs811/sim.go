package ccs811

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that has measured for long.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, &part{app: true, mode: everySec, read: time.Now().Add(-time.Minute)})
}

// part is a boot loader and an application: each knows its own registers.
type part struct {
	awake   time.Time
	app     bool
	mode    byte
	read    time.Time // its last result
	pointer byte
}

// Reset implements sim.Part.
func (p *part) Reset() { *p = part{awake: time.Now().Add(resetTime)} }

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	if time.Now().Before(p.awake) {
		return sim.NoAck
	}
	p.pointer = w[0]
	switch {
	case w[0] == regReset && bytes.Equal(w[1:], resetKey[:]):
		*p = part{awake: time.Now().Add(2 * time.Millisecond)}
	case w[0] == regStart && len(w) == 1 && !p.app:
		*p = part{awake: time.Now().Add(time.Millisecond), app: true}
	case w[0] == regMode && len(w) == 2 && p.app:
		p.mode, p.read = w[1], time.Now()
	}
	return nil
}

// Read implements sim.Part.
func (p *part) Read(r []byte) error {
	if time.Now().Before(p.awake) {
		return sim.NoAck
	}
	clear(r)
	status := byte(hasApp)
	if p.app {
		status |= inApp
	}
	if p.app && p.mode == everySec && time.Since(p.read) >= time.Second {
		status |= newData
	}
	switch {
	case p.pointer == regHardID:
		r[0] = hardID
	case p.pointer == regStatus:
		r[0] = status
	case p.pointer == regMode && p.app:
		r[0] = p.mode
	case p.pointer == regResult && p.app:
		b := binary.BigEndian.AppendUint16(nil, uint16(sim.Wave(600, 60, 9*time.Hour)))
		b = binary.BigEndian.AppendUint16(b, uint16(sim.Wave(80, 30, 9*time.Hour)))
		copy(r, append(b, status&^newData, 0))
		p.read = time.Now()
	}
	return nil
}
