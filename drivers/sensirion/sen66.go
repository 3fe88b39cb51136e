package sensirion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// SEN66 reads one SEN66 on an I2C bus. The part measures on its own, every
// second, until it loses power: then it is never ready, and is started again. One
// that measures is left alone: its indices are of the air of the last day. What
// it says of particles in the half minute after a start is marked as warm-up, its
// index of VOC in the first hour and that of NOx in the first six.
var SEN66 = drivers.New(drivers.Info{
	Name:      "sen66",
	Summary:   "Sensirion SEN66: particulate matter, carbon dioxide, climate, VOC and NOx (I2C)",
	Datasheet: "https://sensirion.com/media/documents/FAFC548D/68C12881/Sensirion_Datasheet_SEN6x.pdf",
	Observes:  sen66Observes(),
}, SEN66Settings{I2C: drivers.I2C{Address: 0x6b}}, openSEN66, simulateSEN66)

// SEN66Settings are the keys of a sensor with driver = "sen66".
type SEN66Settings struct {
	drivers.I2C
	Altitude uint16 `doc:"metres above sea level, 0 to 3000: the air is thinner there"`
}

// Validate rejects addresses the part is not made with, and altitudes it cannot
// correct for.
func (s SEN66Settings) Validate() error {
	return errors.Join(s.CheckAddress(0x6b), CO2{Altitude: s.Altitude}.check())
}

func sen66Observes() []drivers.Observable {
	all := SEN5xSettings{Model: "sen55"}.Observes()
	return append(all, drivers.Observable{Property: agent.CarbonDioxide, Resolution: 0, Class: agent.Telemetry})
}

// Commands, how long they take at most, and the bits of the status (datasheet,
// sections 4.8 and 4.3). Name, start, status and the rest are as of a SEN5x.
const (
	sen66Read      = 0x0300
	sen66Pressure  = 0x6720 // hPa, 700 to 1200: the one setting that it takes while it measures
	sen66ResetTime = 1200 * time.Millisecond
	sen66NoCO2     = 0xffff

	sen66AwaitsCO2 = 30 * time.Second // after a start; the datasheet says 5 to 6

	sen66ParticleFaults = 1<<21 | 1<<11 | 1<<4 // fan speed, particles, fan
	sen66CO2Faults      = 1<<12 | 1<<9
	sen66GasFaults      = 1 << 7
	sen66ClimateFaults  = 1 << 6
)

type sen66 struct {
	sen5x
	altitude uint16
}

func openSEN66(host drivers.Host, s SEN66Settings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sen66{sen5x{device: device{Dev: dev}, fields: len(sen5xFields)}, s.Altitude}, err
}

// Observe implements agent.Sensor. It returns what there is also when a value is
// missing, as that of a SEN5x.
func (s *sen66) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	if !s.ready {
		if err := s.initialise(ctx); err != nil {
			s.failed(err)
			return into, fmt.Errorf("initialise: %w", err)
		}
		s.ready = true
	}
	var w [9]uint16
	status, err := s.measure(ctx, w[:])
	var results []agent.Result
	if err == nil {
		results, err = s.convert(w[:], status)
	}
	if len(results) == 0 {
		s.ready = false
		s.failed(err)
		return into, fmt.Errorf("measure: %w", err)
	}
	s.faults = 0
	return append(into, results...), err
}

// initialise makes sure of the part, and starts it if it does not measure.
func (s *sen66) initialise(ctx context.Context) error {
	if err := s.isNamed(ctx, "SEN66"); err != nil {
		return err
	}
	if err := s.begin(ctx, sen66ResetTime); err != nil {
		return err
	}
	if err := s.tell(ctx, sen66Pressure, sen5xTime, pressureAt(s.altitude)); err != nil {
		return fmt.Errorf("set pressure: %w", err)
	}
	return nil
}

// pressureAt returns the pressure of the standard atmosphere, in hPa, at an
// altitude in m (ISO 2533).
func pressureAt(altitude uint16) uint16 {
	return uint16(math.Round(1013.25 * math.Pow(1-0.0065*float64(altitude)/288.15, 5.2559)))
}

// measure reads the last measurement and the status since the one before.
func (s *sen66) measure(ctx context.Context, w []uint16) (uint32, error) {
	if err := s.until(ctx, sen5xPoll); err != nil {
		return 0, err
	}
	if err := s.ask(ctx, sen66Read, sen5xTime, w); err != nil {
		return 0, err
	}
	var status [2]uint16
	if err := s.ask(ctx, particleClear, sen5xTime, status[:]); err != nil { // here it also says what it was
		return 0, fmt.Errorf("read status: %w", err)
	}
	return uint32(status[0])<<16 | uint32(status[1]), nil
}

// convert makes results of a measurement. Each part inside has a fault of its own:
// a fan that stands takes no carbon dioxide away.
func (s *sen66) convert(w []uint16, status uint32) ([]agent.Result, error) {
	results, noMasses := particleMasses(w, s.warmUp())
	results, missing := s.climate(w, results)
	results, err := s.carbonDioxide(w[len(w)-1], results)
	age := time.Since(s.started)
	for i, r := range results {
		if status&sen66Faults(r.Property) != 0 {
			results[i].Quality |= agent.Degraded
		}
		results[i].Quality |= learning(r.Property, age)
	}
	return results, errors.Join(noMasses, missing, err)
}

// carbonDioxide appends it. There is none for the first seconds, which is nobody's
// fault.
func (s *sen66) carbonDioxide(w uint16, results []agent.Result) ([]agent.Result, error) {
	if w == sen66NoCO2 || w == sen5xNone || w == 0 {
		if time.Since(s.started) < sen66AwaitsCO2 {
			return results, nil
		}
		return results, fmt.Errorf("carbon dioxide: %w", drivers.ErrNoReading)
	}
	if err := drivers.Within(float64(w), 0, 40000); err != nil {
		return results, fmt.Errorf("carbon dioxide: %w", err)
	}
	return append(results, agent.Result{Property: agent.CarbonDioxide, Value: float64(w)}), nil
}

// sen66Faults returns the bits of the status that concern a property.
func sen66Faults(p agent.Property) uint32 {
	switch p {
	case agent.CarbonDioxide:
		return sen66CO2Faults
	case agent.VOCIndex, agent.NOxIndex:
		return sen66GasFaults
	case agent.AirTemperature, agent.RelativeHumidity:
		return sen66ClimateFaults
	}
	return sen66ParticleFaults
}
