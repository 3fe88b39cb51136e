// Package tmp421 drives the Texas Instruments TMP421, TMP422 and TMP423: a
// thermometer of their own and, of their remote diodes, the first.
//
// The part is shut down and converts when told to. That it is still shut down
// afterwards is how the driver knows that it did not lose power.
package tmp421

import (
	"context"
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Driver reads one TMP421, TMP422 or TMP423 on an I2C bus.
var Driver = drivers.New(drivers.Info{
	Name:      "tmp421",
	Summary:   "TI TMP421, TMP422, TMP423: temperature of the part and of a diode as probe (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/tmp421.pdf",
	Observes:  Settings{Probe: true}.Observes(),
}, Settings{I2C: drivers.I2C{Address: 0x4c}, Probe: true}, open, simulate)

// Settings are the keys of a sensor with driver = "tmp421".
type Settings struct {
	drivers.I2C
	Probe bool `doc:"a diode is connected as the first remote probe"`
}

// Validate rejects addresses the parts are not made with (datasheet, "Two-Wire
// Addresses").
func (s Settings) Validate() error {
	return s.CheckAddress(0x1c, 0x1d, 0x1e, 0x1f, 0x2a, 0x4c, 0x4d, 0x4e, 0x4f)
}

// Observes tells that there is no probe temperature without a probe.
func (s Settings) Observes() []drivers.Observable {
	all := []drivers.Observable{
		{Property: agent.PartTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.ProbeTemperature, Resolution: 2, Class: agent.Telemetry},
	}
	if !s.Probe {
		return all[:1]
	}
	return all
}

type sensor struct {
	dev   i2cbus.Dev
	probe bool
	ready bool // initialised since the last error
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, probe: s.Probe}, err
}

// Observe implements agent.Sensor. It returns the part's own temperature also
// when that of the probe is missing.
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

// Close implements agent.Sensor. The part is shut down already.
func (s *sensor) Close() error { return nil }

// initialise makes sure of the part and shuts it down.
func (s *sensor) initialise(ctx context.Context) error {
	maker, err := s.dev.Byte(ctx, regMaker)
	if err != nil {
		return fmt.Errorf("read maker: %w", err)
	}
	device, err := s.dev.Byte(ctx, regDevice)
	if err != nil {
		return fmt.Errorf("read device: %w", err)
	}
	if maker != texas || device < 0x21 || device > 0x23 {
		return fmt.Errorf("%w: maker %#02x device %#02x, want 0x55 0x21 to 0x23", drivers.ErrIdentity, maker, device)
	}
	if err := s.dev.Write(ctx, regConfig2, s.channels()); err != nil {
		return fmt.Errorf("choose channels: %w", err)
	}
	if err := s.dev.Write(ctx, regConfig1, shutDown); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

func (s *sensor) channels() byte {
	if s.probe {
		return withRemote1
	}
	return localOnly
}

// measure converts once and returns what there is to the last conversion.
func (s *sensor) measure(ctx context.Context) ([]agent.Result, error) {
	if err := s.convert(ctx); err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	local, err := s.temperature(ctx, regLocal)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	var remote float64
	var missing error
	if s.probe {
		remote, err = s.temperature(ctx, regRemote)
		if errors.Is(err, errOpen) {
			missing = fmt.Errorf("probe: %w", err)
		} else if err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
	}
	var b [2]byte
	for i := range b {
		if b[i], err = s.dev.Byte(ctx, regConfig1+byte(i)); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	if b[0] != shutDown || b[1] != s.channels() {
		return nil, fmt.Errorf("%w: configuration % x", drivers.ErrBrownOut, b)
	}
	results := []agent.Result{{Property: agent.PartTemperature, Value: local}}
	if s.probe && missing == nil {
		results = append(results, agent.Result{Property: agent.ProbeTemperature, Value: remote})
	}
	return results, missing
}
