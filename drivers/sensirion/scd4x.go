package sensirion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// SCD4x reads one SCD40, SCD41 or SCD43 on an I2C bus. The part measures on its
// own, every five seconds, until it loses power: then it refuses to be read,
// and is started again. Nothing is written to its EEPROM.
var SCD4x = drivers.New(drivers.Info{
	Name:      "scd4x",
	Summary:   "Sensirion SCD40, SCD41, SCD43: carbon dioxide, air temperature and humidity (I2C)",
	Datasheet: "https://sensirion.com/media/documents/48C4B7FB/67FE0194/CD_DS_SCD4x_Datasheet_D1.pdf",
	Observes:  co2Observes,
}, SCD4xSettings{I2C: drivers.I2C{Address: 0x62}, CO2: CO2{SelfCalibration: true}}, openSCD4x, simulateSCD4x)

// SCD4xSettings are the keys of a sensor with driver = "scd4x".
type SCD4xSettings struct {
	drivers.I2C
	CO2
}

// Validate rejects addresses the part is not made with, and altitudes it cannot
// correct for.
func (s SCD4xSettings) Validate() error { return errors.Join(s.CheckAddress(0x62), s.check()) }

// Commands, and how long they take at most (datasheet, section 3).
const (
	scd4xStart    = 0x21b1
	scd4xReady    = 0xe4b8
	scd4xRead     = 0xec05
	scd4xStop     = 0x3f86
	scd4xAltitude = 0x2427
	scd4xSelfCal  = 0x2416
	scd4xSerial   = 0x3682

	scd4xTime     = 2 * time.Millisecond // 1 ms
	scd4xStopTime = 500 * time.Millisecond
	scd4xIsReady  = 0x07ff // any of these bits
)

// scd4xPoll waits for longer than it takes from one measurement to the next.
var scd4xPoll = poll{scd4xReady, scd4xTime, scd4xIsReady, 250 * time.Millisecond, 6 * time.Second}

type scd4x struct {
	device
	settings CO2
	ready    bool // initialised since the last error
}

func openSCD4x(host drivers.Host, s SCD4xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &scd4x{device: device{Dev: dev}, settings: s.CO2}, err
}

// Observe implements agent.Sensor.
func (s *scd4x) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	into, err := s.measure(ctx, into)
	if err != nil {
		s.ready = false
		return into, fmt.Errorf("measure: %w", err)
	}
	return into, nil
}

// Close implements agent.Sensor. The part goes on measuring: its calibration
// needs that.
func (s *scd4x) Close() error { return nil }

// initialise makes sure of the part, and starts it with its settings. A part
// that measures takes no other command than to stop.
func (s *scd4x) initialise(ctx context.Context) error {
	if err := s.tell(ctx, scd4xStop, scd4xStopTime); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	var serial [3]uint16
	if err := s.ask(ctx, scd4xSerial, scd4xTime, serial[:]); err != nil {
		return fmt.Errorf("read serial number: %w", err)
	}
	if err := s.tell(ctx, scd4xSelfCal, scd4xTime, s.settings.flag()); err != nil {
		return fmt.Errorf("set self-calibration: %w", err)
	}
	if err := s.tell(ctx, scd4xAltitude, scd4xTime, s.settings.Altitude); err != nil {
		return fmt.Errorf("set altitude: %w", err)
	}
	if err := s.tell(ctx, scd4xStart, scd4xTime); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// measure returns the last measurement.
func (s *scd4x) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if err := s.until(ctx, scd4xPoll); err != nil {
		return into, err
	}
	var w [3]uint16
	if err := s.ask(ctx, scd4xRead, scd4xTime, w[:]); err != nil {
		return into, err
	}
	t, err := temperature(w[1])
	if err != nil {
		return into, err
	}
	return co2Air(into, float64(w[0]), t, humidity(w[2]))
}

// simulateSCD4x puts a part on the bus that feels the simulated air.
func simulateSCD4x(host *sim.Host, s SCD4xSettings) { s.Simulate(host, newSCD4x()) }

// newSCD4x returns a part that another program left measuring.
func newSCD4x() *part {
	var measures bool
	var since time.Time // when it began to measure
	var taken int       // how many measurements were read or are over
	settings := make(map[uint16]uint16)
	count := func() int { return int(time.Since(since) / (5 * time.Second)) }
	p := newPart(30*time.Millisecond, func() {
		measures = false
		settings[scd4xAltitude], settings[scd4xSelfCal] = 0, 1
	}, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		const busy = time.Millisecond
		switch _, known := settings[code]; {
		case code == scd4xStop:
			measures = false
			return nil, scd4xStopTime, true
		case measures && code == scd4xReady && count() > taken:
			return append(into, 0x8006), busy, true
		case measures && code == scd4xReady:
			return append(into, 0x8000), busy, true
		case measures && code == scd4xRead && count() > taken:
			taken = count()
			return append(into, uint16(sim.CarbonDioxide()), airTemperature(), relativeHumidity()), busy, true
		case measures:
		case code == scd4xSerial:
			return append(into, 0xf896, 0x9f07, 0x3bbe), busy, true
		case known && len(args) == 1:
			settings[code] = args[0]
			return nil, busy, true
		case code == scd4xStart:
			measures, since, taken = true, time.Now(), 0
			return nil, 0, true
		}
		return nil, 0, false
	})
	measures, since = true, time.Now()
	return p
}
