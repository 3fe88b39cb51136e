// Package qmc5883l drives the QST QMC5883L magnetometer, which a parking place or
// a barrier uses to feel the steel of a car. Many modules sold as HMC5883L have
// this part.
//
// The part measures without end. The driver reads what there is, waits for the
// next measurement, and takes that.
package qmc5883l

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one QMC5883L on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "qmc5883l",
	Summary:   "QST QMC5883L: magnetic flux density in three directions (I2C)",
	Datasheet: "https://www.qstcorp.com/upload/pdf/202512/13-52-04%20QMC5883L%20Datasheet%20Rev.%20B.pdf",
	Observes: []drivers.Observable{
		{Property: agent.MagneticX, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticY, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticZ, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x0d}}, open, simulate)

// Settings are the keys of a sensor with driver = "qmc5883l".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x0d) }

// Registers, and what is written to them (datasheet, 9.1 and 9.2).
const (
	regData     = 0x00 // x, y, z: low byte first
	regStatus   = 0x06
	regControl1 = 0x09
	regControl2 = 0x0a
	regPeriod   = 0x0b // set/reset
	regID       = 0x0d

	id         = 0xff
	restart    = 0x80
	period     = 0x01 // as the datasheet wants it
	continuous = 0x15 // 50 Hz, ±8 G, the slowest filter; 0 after power-on

	dataReady = 0x01 // in the status
	overflow  = 0x02
)

// How long to wait: after a restart, for a measurement at 50 Hz, and between looks.
const (
	restartTime = 10 * time.Millisecond
	measureTime = 20 * time.Millisecond
	pollTime    = 5 * time.Millisecond
)

var errOverflow = fmt.Errorf("field too strong for the part: %w", drivers.ErrRange)

type sensor struct {
	dev   i2cbus.Dev
	ready bool // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor. The part does not tell in which direction a
// field is too strong, so there is no value then.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	data, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return convert(data, into), nil
}

// Close implements agent.Sensor. The part goes on with some 100 µA.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	got, err := s.dev.Byte(ctx, regID)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if got != id {
		return fmt.Errorf("%w: identity %#02x, want 0xff", drivers.ErrIdentity, got)
	}
	if err := s.dev.Write(ctx, regControl2, restart); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if err := drivers.Wait(ctx, restartTime); err != nil {
		return err
	}
	// The register that is read back comes first: with it the other is lost, too.
	if err := s.dev.Write(ctx, regControl1, continuous); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := s.dev.Write(ctx, regPeriod, period); err != nil {
		return fmt.Errorf("set period: %w", err)
	}
	return nil
}

// measure waits for the next measurement and returns its data registers.
func (s *sensor) measure(ctx context.Context) (data [6]byte, err error) {
	if err := s.dev.ReadReg(ctx, regData, data[:]); err != nil {
		return data, fmt.Errorf("read what was before: %w", err)
	}
	status, err := s.await(ctx)
	if err != nil {
		return data, err
	}
	if err := s.dev.ReadReg(ctx, regData, data[:]); err != nil { // all six, or the part keeps them from then on
		return data, fmt.Errorf("read data: %w", err)
	}
	config, err := s.dev.Byte(ctx, regControl1)
	if err != nil {
		return data, fmt.Errorf("read configuration: %w", err)
	}
	if config != continuous {
		return data, fmt.Errorf("%w: configuration %#02x", drivers.ErrBrownOut, config)
	}
	if status&overflow != 0 {
		return data, errOverflow
	}
	return data, nil
}

// await waits for a new measurement and returns the status.
func (s *sensor) await(ctx context.Context) (byte, error) {
	wait := measureTime
	for range 10 {
		if err := drivers.Wait(ctx, wait); err != nil {
			return 0, err
		}
		status, err := s.dev.Byte(ctx, regStatus)
		if err != nil {
			return 0, fmt.Errorf("read status: %w", err)
		}
		if status&dataReady != 0 {
			return status, nil
		}
		wait = pollTime
	}
	return 0, drivers.ErrNotReady
}

// stepsPerMicrotesla is 3000 steps a gauss at ±8 G (datasheet, table 2).
const stepsPerMicrotesla = 30

// convert appends the field in µT.
func convert(data [6]byte, into []agent.Result) []agent.Result {
	for i, property := range [...]agent.Property{agent.MagneticX, agent.MagneticY, agent.MagneticZ} {
		code := int16(binary.LittleEndian.Uint16(data[2*i:]))
		into = append(into, agent.Result{Property: property, Value: float64(code) / stepsPerMicrotesla})
	}
	return into
}
