package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SHT3x reads one SHT30, SHT31 or SHT35 on an I2C bus. The part measures when
// told to and keeps nothing between two readings that a loss of power could
// take.
var SHT3x = drivers.New(drivers.Info{
	Name:      "sht3x",
	Summary:   "Sensirion SHT30, SHT31, SHT35: air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/213E6A3B/63A5A569/Datasheet_SHT3x_DIS.pdf",
	Observes: []drivers.Observable{
		{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.RelativeHumidity, Resolution: 2, Class: agent.Telemetry},
	},
}, SHT3xSettings{drivers.I2C{Address: 0x44}}, openSHT3x, simulateSHT3x)

// SHT3xSettings are the keys of a sensor with driver = "sht3x".
type SHT3xSettings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin ADDR low or high
// (datasheet, pin assignment).
func (s SHT3xSettings) Validate() error { return s.CheckAddress(0x44, 0x45) }

// Commands (datasheet, section 4). Every one takes a millisecond at most, but
// for the measurement: 15 ms at high repeatability.
const (
	sht3xBreak     = 0x3093 // ends a periodic measurement
	sht3xHeaterOff = 0x3066
	sht3xStatus    = 0xf32d
	sht3xMeasure   = 0x2400 // single shot, high repeatability, no clock stretching

	sht3xHeater   = 1 << 13 // in the status: the heater is on
	sht3xRefused  = 1 << 1  // in the status: the last command was not processed
	sht3xGarbled  = 1 << 0  // in the status: the last checksum written was wrong
	sht3xTime     = 2 * time.Millisecond
	sht3xMeasures = 16 * time.Millisecond
)

type sht3x struct {
	device
	texas bool // an HDC302x
	ready bool // initialised since the last error
}

func openSHT3x(host drivers.Host, s SHT3xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sht3x{device: device{Dev: dev}}, err
}

// Observe implements agent.Sensor.
func (s *sht3x) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	var w [2]uint16
	err := s.ask(ctx, sht3xMeasure, sht3xMeasures, w[:])
	var t float64
	if err == nil {
		t, err = temperature(w[0])
	}
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.AirTemperature, Value: t},
		agent.Result{Property: agent.RelativeHumidity, Value: humidity(w[1])},
	), nil
}

// Close implements agent.Sensor. An idle part draws 0.2 µA.
func (s *sht3x) Close() error { return nil }

// initialise ends what another program may have begun: a part that measures
// periodically refuses single measurements, and one that heats reads wrong.
func (s *sht3x) initialise(ctx context.Context) error {
	if err := s.tell(ctx, sht3xBreak, sht3xTime); err != nil {
		return fmt.Errorf("break: %w", err)
	}
	if s.texas {
		if err := s.identify(ctx); err != nil {
			return fmt.Errorf("identify: %w", err)
		}
	}
	if err := s.tell(ctx, sht3xHeaterOff, sht3xTime); err != nil {
		return fmt.Errorf("heater off: %w", err)
	}
	status, err := s.word(ctx, sht3xStatus, sht3xTime)
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if status&(sht3xHeater|sht3xRefused|sht3xGarbled) != 0 {
		return fmt.Errorf("%w: status %#04x after the heater was switched off", drivers.ErrIdentity, status)
	}
	return nil
}

// simulateSHT3x puts a part on the bus that feels the simulated air.
func simulateSHT3x(host *sim.Host, s SHT3xSettings) { s.Simulate(host, newSHT3x()) }

// newSHT3x returns a part that another program left measuring and heating.
func newSHT3x() *part {
	var periodic, heats bool
	p := newPart(time.Millisecond, func() { periodic, heats = false, false }, func(code uint16, _, into []uint16) ([]uint16, time.Duration, bool) {
		t, status := airTemperature(), uint16(0)
		if heats {
			t, status = t+2000, sht3xHeater // 5 °C
		}
		switch {
		case code == sht3xBreak:
			periodic = false
			return nil, time.Millisecond, true
		case code == sht3xHeaterOff:
			heats = false
			return nil, time.Millisecond, true
		case code == sht3xStatus:
			return append(into, status), time.Millisecond, true
		case code == sht3xMeasure && !periodic:
			return append(into, t, relativeHumidity()), 15 * time.Millisecond, true
		}
		return nil, 0, false
	})
	periodic, heats = true, true
	return p
}
