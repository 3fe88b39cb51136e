// Package lis3dh drives the ST LIS3DH and the Analog Devices ADXL345, which feel
// acceleration: whether a lamp post leans, and how much it shakes.
//
// Both collect 32 samples in 0.64 s in a queue of their own. Of these the driver
// makes the mean, which is gravity and so tells where down is, and the vibration:
// what platforms cannot make of single samples. Nothing is told when the mean is
// far from gravity: then the part falls, or does not work.
package lis3dh

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Driver reads one LIS3DH on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "lis3dh",
	Summary:   "ST LIS3DH: acceleration in three directions, tilt, vibration (I2C)",
	Datasheet: "https://www.st.com/resource/en/datasheet/lis3dh.pdf",
	Observes:  observes,
}, Settings{drivers.I2C{Address: 0x18}, Mounting{"z"}}, openLIS3DH, simulateLIS3DH)

// ADXL345 reads one ADXL345 on an I2C bus.
var ADXL345 = drivers.New(drivers.Info{
	Name:      "adxl345",
	Summary:   "Analog Devices ADXL345: acceleration in three directions, tilt, vibration (I2C)",
	Datasheet: "https://www.analog.com/media/en/technical-documentation/data-sheets/adxl345.pdf",
	Observes:  observes,
}, ADXL345Settings{drivers.I2C{Address: 0x53}, Mounting{"z"}}, openADXL345, simulateADXL345)

var observes = []drivers.Observable{
	{Property: agent.AccelerationX, Resolution: 2, Class: agent.Telemetry},
	{Property: agent.AccelerationY, Resolution: 2, Class: agent.Telemetry},
	{Property: agent.AccelerationZ, Resolution: 2, Class: agent.Telemetry},
	{Property: agent.Tilt, Resolution: 1, Class: agent.Telemetry},
	{Property: agent.Vibration, Resolution: 2, Class: agent.Telemetry},
}

// Mounting is how a part is fixed: settings that both drivers embed.
type Mounting struct {
	Up string `doc:"axis printed on the module that points up when nothing leans: x, y, z, -x, -y or -z"`
}

// ups are the axes that may point up.
var ups = map[string][3]float64{
	"x": {1, 0, 0}, "y": {0, 1, 0}, "z": {0, 0, 1}, "-x": {-1, 0, 0}, "-y": {0, -1, 0}, "-z": {0, 0, -1},
}

func (m Mounting) check() error {
	if _, ok := ups[m.Up]; !ok {
		return fmt.Errorf("up %q: want x, y, z, -x, -y or -z", m.Up)
	}
	return nil
}

// Settings are the keys of a sensor with driver = "lis3dh".
type Settings struct {
	drivers.I2C
	Mounting
}

// Validate rejects addresses the part is not made with, by its pin SA0, and an
// axis it does not have.
func (s Settings) Validate() error {
	if err := s.check(); err != nil {
		return err
	}
	return s.CheckAddress(0x18, 0x19)
}

// ADXL345Settings are the keys of a sensor with driver = "adxl345".
type ADXL345Settings struct {
	drivers.I2C
	Mounting
}

// Validate rejects addresses the part is not made with, by its pin ALT ADDRESS,
// and an axis it does not have.
func (s ADXL345Settings) Validate() error {
	if err := s.check(); err != nil {
		return err
	}
	return s.CheckAddress(0x53, 0x1d)
}

type sensor struct {
	chip
	dev   i2cbus.Dev
	up    [3]float64
	ready bool // initialised since the last error
}

func openLIS3DH(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{chip: chipLIS3DH, dev: dev, up: ups[s.Up]}, err
}

func openADXL345(host drivers.Host, s ADXL345Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{chip: chipADXL345, dev: dev, up: ups[s.Up]}, err
}

func simulateLIS3DH(host *sim.Host, s Settings) {
	s.Simulate(host, newPart(chipLIS3DH, ups[s.Up], post))
}

func simulateADXL345(host *sim.Host, s ADXL345Settings) {
	s.Simulate(host, newPart(chipADXL345, ups[s.Up], post))
}

// Observe implements agent.Sensor. All results are of one burst of samples.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	b, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	m, err := b.decode(s.chip, s.up)
	if err != nil {
		s.ready = false
		return into, err
	}
	return m.results(into), nil
}

// Close implements agent.Sensor. The part goes on with some 10 to 150 µA.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	id, err := s.dev.Byte(ctx, s.idRegister)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if id != s.id {
		return fmt.Errorf("%w: identity %#02x, want %#02x", drivers.ErrIdentity, id, s.id)
	}
	for _, set := range s.settings {
		if err := s.dev.Write(ctx, set.register, set.value); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	return drivers.Wait(ctx, settleTime)
}

// measure fills the queue from its beginning, and reads it.
func (s *sensor) measure(ctx context.Context) (*burst, error) {
	for _, mode := range []byte{queueOff, queueOnce} {
		if err := s.dev.Write(ctx, s.queueControl, mode); err != nil {
			return nil, fmt.Errorf("start: %w", err)
		}
	}
	if err := s.await(ctx); err != nil {
		return nil, err
	}
	b := new(burst)
	for i := range b {
		if err := s.dev.ReadReg(ctx, s.data, b[i][:]); err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
	}
	for _, set := range s.settings {
		if err := s.still(ctx, set); err != nil {
			return nil, err
		}
	}
	return b, s.still(ctx, setting{s.queueControl, queueOnce})
}

// still returns an error unless a setting is as it was written.
func (s *sensor) still(ctx context.Context, set setting) error {
	got, err := s.dev.Byte(ctx, set.register)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if got != set.value {
		return fmt.Errorf("%w: register %#02x is %#02x, was %#02x", drivers.ErrBrownOut, set.register, got, set.value)
	}
	return nil
}

// await waits until the queue is full.
func (s *sensor) await(ctx context.Context) error {
	wait := samples * period
	for range 10 { // the clocks of the parts are not exact
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		status, err := s.dev.Byte(ctx, s.queueStatus)
		if err != nil {
			return fmt.Errorf("read state of the queue: %w", err)
		}
		if s.full(status) {
			return nil
		}
		wait = period
	}
	return drivers.ErrNotReady
}

// settleTime is what the filters take after the rate was set: 7 periods by the
// LIS3DH's table 4 in its slowest mode, fewer by the ADXL345's.
const settleTime = 7 * period

// period is between two samples: 50 Hz.
const period = 20 * time.Millisecond
