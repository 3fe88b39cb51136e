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

// SCD30 reads one SCD30 on an I2C bus of at most 50 kHz: the part stretches the
// clock whatever it is told. It measures on its own, every two seconds, and
// goes on after a loss of power: it keeps its settings in flash, which wears,
// so that they are written only when they differ.
var SCD30 = drivers.New(drivers.Info{
	Name:      "scd30",
	Summary:   "Sensirion SCD30: carbon dioxide, air temperature and humidity (I2C at 50 kHz)",
	Datasheet: "https://sensirion.com/media/documents/4EAF6AF8/61652C3C/Sensirion_CO2_Sensors_SCD30_Datasheet.pdf",
	Observes:  co2Observes,
}, SCD30Settings{I2C: drivers.I2C{Address: 0x61}}, openSCD30, simulateSCD30)

// SCD30Settings are the keys of a sensor with driver = "scd30".
type SCD30Settings struct {
	drivers.I2C
	CO2
}

// Validate rejects addresses the part is not made with, and altitudes it cannot
// correct for.
func (s SCD30Settings) Validate() error { return errors.Join(s.CheckAddress(0x61), s.check()) }

// Commands (interface description, section 1.4). Without an argument, the
// settings are read.
const (
	scd30Start    = 0x0010 // argument: pressure, or 0 to correct with the altitude
	scd30Interval = 0x4600 // s
	scd30Ready    = 0x0202
	scd30Read     = 0x0300
	scd30SelfCal  = 0x5306
	scd30Altitude = 0x5102
	scd30Firmware = 0xd100

	scd30Time    = 4 * time.Millisecond  // from a command to its answer; 3 ms at least
	scd30Writes  = 20 * time.Millisecond // to write a setting
	scd30Every   = 2                     // s
	scd30Unready = 2                     // so many measurements after the start are 0
)

var scd30Poll = poll{scd30Ready, scd30Time, 1, 100 * time.Millisecond, scd30Every*time.Second + 300*time.Millisecond}

type scd30 struct {
	device
	settings CO2
	ready    bool // initialised since the last error
}

func openSCD30(host drivers.Host, s SCD30Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &scd30{device: device{Dev: dev}, settings: s.CO2}, err
}

// Observe implements agent.Sensor.
func (s *scd30) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
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

// Close implements agent.Sensor. The part goes on: to stop it would be a write
// to its flash.
func (s *scd30) Close() error { return nil }

// initialise makes sure of the part and its settings, and that it measures.
func (s *scd30) initialise(ctx context.Context) error {
	if _, err := s.word(ctx, scd30Firmware, scd30Time); err != nil {
		return fmt.Errorf("read firmware version: %w", err)
	}
	for _, x := range []struct{ code, value uint16 }{
		{scd30Interval, scd30Every}, {scd30SelfCal, s.settings.flag()}, {scd30Altitude, s.settings.Altitude},
	} {
		has, err := s.word(ctx, x.code, scd30Time)
		if err != nil {
			return fmt.Errorf("read setting %#04x: %w", x.code, err)
		}
		if has == x.value {
			continue
		}
		if err := s.tell(ctx, x.code, scd30Writes, x.value); err != nil {
			return fmt.Errorf("write setting %#04x: %w", x.code, err)
		}
	}
	err := s.until(ctx, scd30Poll)
	if errors.Is(err, drivers.ErrNotReady) {
		err = s.tell(ctx, scd30Start, scd30Writes, 0)
	}
	return err
}

// measure returns the next measurement that is one.
func (s *scd30) measure(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	for zeros := 0; ; zeros++ {
		if err := s.until(ctx, scd30Poll); err != nil {
			return into, err
		}
		var w [6]uint16
		if err := s.ask(ctx, scd30Read, scd30Time, w[:]); err != nil {
			return into, err
		}
		if ppm := float(w[:]); ppm != 0 || zeros == scd30Unready {
			return co2Air(into, ppm, float(w[2:]), float(w[4:]))
		}
	}
}

// simulateSCD30 puts a part on the bus that feels the simulated air.
func simulateSCD30(host *sim.Host, s SCD30Settings) { s.Simulate(host, newSCD30()) }

// newSCD30 returns a part that was never started.
func newSCD30() *part {
	flash := map[uint16]uint16{scd30Interval: 5, scd30SelfCal: 1, scd30Altitude: 100}
	var measures bool   // in flash as well
	var since time.Time // when it began to measure
	var taken int       // how many measurements were read or are over
	count := func() int {
		if !measures {
			return 0
		}
		return int(time.Since(since) / (time.Duration(flash[scd30Interval]) * time.Second))
	}
	return newPart(time.Second, func() { since, taken = time.Now().Add(time.Second), 0 }, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		const busy = 3 * time.Millisecond
		switch setting, known := flash[code]; {
		case known && len(args) == 0:
			return append(into, setting), busy, true
		case known:
			flash[code] = args[0]
			return nil, busy, true
		case code == scd30Firmware:
			return append(into, 0x0342), busy, true
		case code == scd30Start && len(args) == 1:
			measures, since, taken = true, time.Now(), 0
			return nil, busy, true
		case code == scd30Ready && count() > taken:
			return append(into, 1), busy, true
		case code == scd30Ready:
			return append(into, 0), busy, true
		case code == scd30Read:
			taken = count()
			ppm := sim.CarbonDioxide()
			if taken <= scd30Unready {
				ppm = 0
			}
			return floats(into, ppm, sim.AirTemperature(), sim.RelativeHumidity()), busy, true
		}
		return nil, 0, false
	})
}
