package ds3231

import (
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulate puts a DS3231 on the bus, in a cabinet warmer than the simulated air,
// with a battery: it goes on without power.
func simulate(host *sim.Host, s Settings) {
	s.Simulate(host, sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) { r.R[0x0e], r.R[regStatus] = 0x1c, 0x08 },
		OnRead: func(r *sim.Registers, _ byte, _ int) {
			tick(r)
			quarters := int16(math.Round((sim.AirTemperature() + 4) * 4))
			r.R[regTemperature], r.R[regTemperature+1] = byte(quarters>>2), byte(quarters<<6)
		},
	}))
}

// simulateDS1307 puts a DS1307 on the bus.
func simulateDS1307(host *sim.Host, s Settings) {
	s.Simulate(host, sim.NewRegisters(&sim.Registers{
		PowerOn: func(r *sim.Registers) { r.R[regControl1307] = 0x03 },
		OnRead:  func(r *sim.Registers, _ byte, _ int) { tick(r) },
	}))
}

// tick puts the time into the registers.
func tick(r *sim.Registers) {
	now := time.Now().UTC()
	for i, n := range []int{
		now.Second(), now.Minute(), now.Hour(), int(now.Weekday()) + 1, now.Day(), int(now.Month()), now.Year() % 100,
	} {
		r.R[i] = byte(n/10<<4 | n%10)
	}
}
