package hdc2080

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a part on the bus that feels the simulated air.
func simulate(host *sim.Host, s Settings) {
	var end time.Time // of the measurement under way, or zero
	powerOn := func(r *sim.Registers) {
		r.R = [256]byte{}
		copy(r.R[regID:], id)
		end = time.Time{}
	}
	s.Simulate(host, sim.NewRegisters(&sim.Registers{
		PowerOn: powerOn,
		OnWrite: func(r *sim.Registers, reg, v byte) {
			switch {
			case reg == regReset && v&reset != 0:
				powerOn(r)
			case reg == regMeasure && v&trigger != 0:
				end = time.Now().Add(1270 * time.Microsecond)
			}
		},
		OnRead: func(r *sim.Registers, reg byte, _ int) {
			if reg == regStatus {
				r.R[regStatus] = 0 // cleared by the last reading
			}
			if end.IsZero() || time.Now().Before(end) {
				return
			}
			end = time.Time{}
			t := (sim.AirTemperature() + 40) / 165 * (1 << 16)
			h := sim.RelativeHumidity() / 100 * (1 << 16)
			binary.LittleEndian.PutUint16(r.R[regData:], uint16(t)&^3)
			binary.LittleEndian.PutUint16(r.R[regData+2:], uint16(h)&^3)
			r.R[regStatus] = ready
			r.R[regMeasure] &^= trigger
		},
	}))
}
