package aht20

import (
	"time"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) { s.Simulate(host, &simulated{}) }

// simulated is a part that has no calibration loaded after power-on.
type simulated struct {
	calibrated bool
	data       frame
	ready      time.Time // busy until then
}

// Reset implements sim.Part.
func (p *simulated) Reset() { *p = simulated{} }

// Write implements sim.Part. While it is busy, the part takes no command.
func (p *simulated) Write(w []byte) error {
	if time.Now().Before(p.ready) {
		return sim.NoAck
	}
	switch w[0] {
	case cmdReset[0]:
		p.Reset()
		p.ready = time.Now().Add(20 * time.Millisecond)
	case cmdCalibrate[0]:
		p.calibrated = true
		p.ready = time.Now().Add(10 * time.Millisecond)
	case cmdMeasure[0]:
		h := uint32(sim.RelativeHumidity() / 100 * (1 << 20))
		t := uint32((sim.AirTemperature() + 50) / 200 * (1 << 20))
		p.data = frame{0, byte(h >> 12), byte(h >> 4), byte(h<<4) | byte(t>>16), byte(t >> 8), byte(t)}
		p.ready = time.Now().Add(80 * time.Millisecond)
	}
	return nil
}

// Read implements sim.Part.
func (p *simulated) Read(r []byte) error {
	f := p.data
	f[0] = 0x14
	if p.calibrated {
		f[0] |= calibrated
	}
	if time.Now().Before(p.ready) {
		f[0] |= busy
	}
	f[6] = drivers.CRC8(f[:6])
	copy(r, f[:])
	return nil
}
