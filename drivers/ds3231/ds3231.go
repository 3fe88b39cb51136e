// Package ds3231 drives the Maxim DS3231 and DS1307 battery-backed clocks as
// sensors: whether they lost the time, which is what an empty battery does, and
// the DS3231's temperature, which is that of the cabinet.
//
// It only reads. To keep the gateway's time is the business of the kernel, whose
// driver may have the same part: the two do not get in each other's way.
package ds3231

import (
	"context"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one DS3231 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "ds3231",
	Summary:   "Maxim DS3231 clock: temperature of the part, whether the time was lost (I2C)",
	Datasheet: "https://www.analog.com/media/en/technical-documentation/data-sheets/ds3231.pdf",
	Observes: []drivers.Observable{
		{Property: agent.PartTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.ClockStopped, Resolution: 0, Class: agent.Diagnostic},
	},
}, Settings{drivers.I2C{Address: 0x68}}, open, simulate)

// DS1307 reads one DS1307 on an I2C bus of 100 kHz.
var DS1307 = drivers.New(drivers.Info{
	Name:      "ds1307",
	Summary:   "Maxim DS1307 clock: whether the time was lost (I2C)",
	Datasheet: "https://www.analog.com/media/en/technical-documentation/data-sheets/ds1307.pdf",
	Observes: []drivers.Observable{
		{Property: agent.ClockStopped, Resolution: 0, Class: agent.Diagnostic},
	},
}, Settings{drivers.I2C{Address: 0x68}}, openDS1307, simulateDS1307)

// Settings are the keys of a sensor with driver = "ds3231" or "ds1307".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the parts are not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x68) }

// Registers and what is in them (datasheet of the DS3231, figure 1; of the
// DS1307, table 2).
const (
	regTime        = 0x00 // seconds, minutes, hours, day of the week, day, month, year
	regControl1307 = 0x07
	regStatus      = 0x0f
	regTemperature = 0x11

	stopped     = 0x80 // OSF, in status: the oscillator stopped at some time
	noStatus    = 0x70 // bits of status that are always 0
	halted1307  = 0x80 // CH, in the seconds
	noSeconds   = 0x80 // a bit of the DS3231's seconds that is always 0
	noControl   = 0x6c // bits of the DS1307's control that are always 0
	noQuarters  = 0x3f // bits of the temperature that are always 0
	century     = 0x80 // in the month
	twelveHours = 0x40 // in the hours
)

type sensor struct {
	dev  i2cbus.Dev
	read func(context.Context, i2cbus.Dev, []agent.Result) ([]agent.Result, error)
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev, readDS3231}, err
}

func openDS1307(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev, readDS1307}, err
}

// Observe implements agent.Sensor. There is nothing to initialise.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	return s.read(ctx, s.dev, into)
}

// Close implements agent.Sensor. The part goes on: it is a clock.
func (s *sensor) Close() error { return nil }

func readDS3231(ctx context.Context, dev i2cbus.Dev, into []agent.Result) ([]agent.Result, error) {
	var b [19]byte
	if err := dev.ReadReg(ctx, regTime, b[:]); err != nil {
		return into, fmt.Errorf("read: %w", err)
	}
	temperature, lost, err := decodeDS3231(b)
	if err != nil {
		return into, err
	}
	return append(into,
		agent.Result{Property: agent.PartTemperature, Value: temperature},
		truth(lost),
	), nil
}

func readDS1307(ctx context.Context, dev i2cbus.Dev, into []agent.Result) ([]agent.Result, error) {
	var b [8]byte
	if err := dev.ReadReg(ctx, regTime, b[:]); err != nil {
		return into, fmt.Errorf("read: %w", err)
	}
	lost, err := decodeDS1307(b)
	if err != nil {
		return into, err
	}
	return append(into, truth(lost)), nil
}

func truth(lost bool) agent.Result {
	r := agent.Result{Property: agent.ClockStopped}
	if lost {
		r.Value = 1
	}
	return r
}

// decodeDS3231 returns the temperature in °C and whether the time was lost.
func decodeDS3231(b [19]byte) (temperature float64, lost bool, err error) {
	if !isTime([7]byte(b[:])) || b[0]&noSeconds != 0 || b[regStatus]&noStatus != 0 || b[regTemperature+1]&noQuarters != 0 {
		return 0, false, fmt.Errorf("%w: % x are not the registers of a DS3231", drivers.ErrIdentity, b)
	}
	temperature = float64(int16(uint16(b[regTemperature])<<8|uint16(b[regTemperature+1]))>>6) / 4
	return temperature, b[regStatus]&stopped != 0, drivers.Within(temperature, -40, 85)
}

// decodeDS1307 returns whether the time was lost.
func decodeDS1307(b [8]byte) (lost bool, err error) {
	lost = b[0]&halted1307 != 0
	registers := b
	registers[0] &^= halted1307
	if !isTime([7]byte(registers[:])) || b[regControl1307]&noControl != 0 {
		return false, fmt.Errorf("%w: % x are not the registers of a DS1307", drivers.ErrIdentity, b)
	}
	return lost, nil
}

// isTime tells whether the registers hold a time, in decimal digits, as they do
// also when it is a wrong one. The parts have no other identity.
func isTime(b [7]byte) bool {
	hours, fewest, most := b[2], byte(0x00), byte(0x23)
	if hours&twelveHours != 0 {
		hours, fewest, most = hours&0x1f, 0x01, 0x12 // another bit tells the afternoon
	}
	return digits(b[0], 0x00, 0x59) && digits(b[1], 0x00, 0x59) && digits(hours, fewest, most) &&
		digits(b[3], 0x01, 0x07) && digits(b[4], 0x01, 0x31) && digits(b[5]&^century, 0x01, 0x12) && digits(b[6], 0x00, 0x99)
}

// digits tells whether b are two decimal digits within limits.
func digits(b, lowest, highest byte) bool {
	return b&0x0f <= 9 && lowest <= b && b <= highest
}
