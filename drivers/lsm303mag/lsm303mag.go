// Package lsm303mag drives the magnetometer of the ST LSM303DLHC and the Honeywell
// HMC5883L, from which it comes: a parking place or a barrier uses one to feel the
// steel of a car.
//
// The two have the same registers and identity; a setting tells which it is. The
// part measures once when told to and sleeps otherwise. It is set up as a part that
// lost power is not.
package lsm303mag

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one LSM303DLHC or HMC5883L on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "lsm303mag",
	Summary:   "ST LSM303DLHC, Honeywell HMC5883L: magnetic flux density in three directions (I2C)",
	Datasheet: "https://www.st.com/resource/en/datasheet/lsm303dlhc.pdf",
	Observes: []drivers.Observable{
		{Property: agent.MagneticX, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticY, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.MagneticZ, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x1e}, "lsm303dlhc"}, open, simulate)

// Settings are the keys of a sensor with driver = "lsm303mag".
type Settings struct {
	drivers.I2C
	Part string `doc:"lsm303dlhc or hmc5883l: what a step of its numbers stands for; a part that is sold as HMC5883L and not found is a QMC5883L"`
}

// Validate rejects unknown parts, and addresses they are not made with: there is
// one (datasheet, "Magnetic field digital interface").
func (s Settings) Validate() error {
	if _, ok := parts[s.Part]; !ok {
		return fmt.Errorf("part %q: want lsm303dlhc or hmc5883l", s.Part)
	}
	return s.CheckAddress(0x1e)
}

// Registers, and what is written to them (datasheet, "Magnetic field
// sensing register description").
const (
	regConfig = 0x00 // CRA_REG_M, CRB_REG_M, MR_REG_M
	regGain   = 0x01
	regMode   = 0x02
	regData   = 0x03 // x, z, y: high byte first
	regStatus = 0x09
	regID     = 0x0a // "H43"

	gain130  = 0x20 // ±130 µT
	single   = 0x01
	dataDone = 0x01 // DRDY
)

// pollTime is between looks whether a measurement has ended.
const pollTime = 2 * time.Millisecond

type sensor struct {
	part
	dev   i2cbus.Dev
	pause drivers.Waiter
	ready bool // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{part: parts[s.Part], dev: dev}, err
}

// Observe implements agent.Sensor. Where the field of one direction is too
// strong, it returns the others and an error.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	results, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		err = fmt.Errorf("measure: %w", err)
	}
	return append(into, results...), err
}

// Close implements agent.Sensor. The part sleeps already.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and configures it.
func (s *sensor) initialise(ctx context.Context) error {
	var b [3]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if string(b[:]) != "H43" {
		return fmt.Errorf("%w: identity % x, want 48 34 33", drivers.ErrIdentity, b)
	}
	if err := s.dev.Write(ctx, regConfig, s.config); err != nil {
		return fmt.Errorf("set rate: %w", err)
	}
	if err := s.dev.Write(ctx, regGain, gain130); err != nil {
		return fmt.Errorf("set gain: %w", err)
	}
	if s.late {
		if _, err := s.data(ctx); err != nil {
			return fmt.Errorf("measure with the gain before: %w", err)
		}
	}
	return nil
}

// data takes one measurement.
func (s *sensor) data(ctx context.Context) (data [6]byte, err error) {
	if err := s.dev.Write(ctx, regMode, single); err != nil {
		return data, err
	}
	if err := s.await(ctx); err != nil {
		return data, err
	}
	if err := s.dev.ReadReg(ctx, regData, data[:]); err != nil { // all six, or the part keeps them from then on
		return data, fmt.Errorf("read data: %w", err)
	}
	return data, nil
}

// measure takes one measurement of the three directions.
func (s *sensor) measure(ctx context.Context) ([]agent.Result, error) {
	data, err := s.data(ctx)
	if err != nil {
		return nil, err
	}
	var config [2]byte
	if err := s.dev.ReadReg(ctx, regConfig, config[:]); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if config != [2]byte{s.config, gain130} {
		return nil, fmt.Errorf("%w: configuration % x", drivers.ErrBrownOut, config)
	}
	return s.convert(data)
}

// await waits for the end of the measurement, at first for long enough that the
// slowest part has begun to write: until then the status is that of the
// measurement before. The mode would tell, but to read it locks the data.
func (s *sensor) await(ctx context.Context) error {
	wait := s.nominal * 3 / 2
	for range 10 {
		if err := s.pause.Wait(ctx, wait); err != nil {
			return err
		}
		var status [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, status[:]); err != nil {
			return fmt.Errorf("read status: %w", err)
		}
		if status[0]&dataDone != 0 {
			return nil
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}
