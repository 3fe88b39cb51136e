// Package hts221 drives the ST HTS221 sensor of air temperature and humidity.
//
// The part measures once a second. Flags tell what was not read yet, and settings
// that a loss of power takes away tell that. It has no checksums: what no part
// measures is refused.
package hts221

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one HTS221 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "hts221",
	Summary:   "ST HTS221: air temperature and humidity (I2C)",
	Datasheet: "https://www.st.com/resource/en/datasheet/hts221.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 1, Class: agent.Telemetry},
	},
}, Settings{drivers.I2C{Address: 0x5f}}, open, simulate)

// Settings are the keys of a sensor with driver = "hts221".
type Settings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s Settings) Validate() error { return s.CheckAddress(0x5f) }

// Registers, and what is in them (datasheet, DocID026333, section 7). With the
// highest bit set, a read of several goes on with the next.
const (
	regID          = 0x0f
	regAverage     = 0x10
	regControl     = 0x20 // CTRL_REG1, CTRL_REG2
	regControl2    = 0x21
	regStatus      = 0x27
	regData        = 0x28 // two bytes of humidity, two of temperature, the lower first
	regCalibration = 0x30 // 16 bytes
	onward         = 0x80

	id       = 0xbc
	reload   = 0x80 // CTRL_REG2: reads the calibration from the part's memory, until it is done
	averages = 0x24 // of 32 temperatures and 64 humidities; 0x1b after power-on
	control  = 0x85 // measures once a second, registers that wait for their reader
	newData  = 0x03 // in the status: temperature and humidity that were not read yet
)

// How long to wait: for the calibration, and for the next measurement, a look at
// a time.
const (
	reloadTime  = 5 * time.Millisecond
	reloadPolls = 4
	pollTime    = 100 * time.Millisecond
	polls       = 14
)

type sensor struct {
	dev         i2cbus.Dev
	ready       bool // initialised since the last error
	calibration calibration
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	t, rh, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: t},
		agent.Result{Property: agent.RelativeHumidity, Value: rh},
	), nil
}

// Close implements agent.Sensor. The part goes on measuring with 2 µA.
func (s *sensor) Close() error { return nil }

// initialise has the part load its calibration, reads it and configures the part.
func (s *sensor) initialise(ctx context.Context) error {
	got, err := s.dev.Byte(ctx, regID)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if got != id {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a HTS221", drivers.ErrIdentity, got, id)
	}
	if err := s.reload(ctx); err != nil {
		return fmt.Errorf("load calibration: %w", err)
	}
	for _, w := range [][2]byte{{regAverage, averages}, {regControl, control}} {
		if err := s.dev.Write(ctx, w[0], w[1]); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	// After the settings that a loss of power takes away: what is read here was
	// read from a part that is still powered when measure finds them.
	var b [16]byte
	if err := s.dev.ReadReg(ctx, regCalibration|onward, b[:]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	s.calibration, err = parse(b)
	return err
}

func (s *sensor) reload(ctx context.Context) error {
	if err := s.dev.Write(ctx, regControl2, reload); err != nil {
		return err
	}
	for range reloadPolls {
		if err := drivers.Wait(ctx, reloadTime); err != nil {
			return err
		}
		state, err := s.dev.Byte(ctx, regControl2)
		if err != nil || state&reload == 0 {
			return err
		}
	}
	return drivers.ErrNotReady
}

// measure returns the newest measurement, in °C and %.
func (s *sensor) measure(ctx context.Context) (temperature, humidity float64, err error) {
	if err := s.await(ctx); err != nil {
		return 0, 0, err
	}
	var b [4]byte
	if err := s.dev.ReadReg(ctx, regData|onward, b[:]); err != nil {
		return 0, 0, err
	}
	got, err := s.dev.Byte(ctx, regControl)
	if err != nil {
		return 0, 0, fmt.Errorf("read settings: %w", err)
	}
	if got != control {
		return 0, 0, fmt.Errorf("%w: control %#02x", drivers.ErrBrownOut, got)
	}
	return s.calibration.convert(b)
}

// await waits until there is a measurement that was not read yet.
func (s *sensor) await(ctx context.Context) error {
	for range polls {
		state, err := s.dev.Byte(ctx, regStatus)
		if err != nil || state&newData == newData {
			return err
		}
		if err := drivers.Wait(ctx, pollTime); err != nil {
			return err
		}
	}
	return drivers.ErrNotReady
}
