package sensirion

import (
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// co2Observes is what the sensors of carbon dioxide observe: they measure the
// air's temperature and humidity to correct for them. Resolutions are the noise
// that the datasheets call repeatability.
var co2Observes = []drivers.Observable{
	{Property: agent.CarbonDioxide, Resolution: 0, Class: agent.Telemetry},
	{Property: agent.AirTemperature, Resolution: 1, Class: agent.Telemetry},
	{Property: agent.RelativeHumidity, Resolution: 1, Class: agent.Telemetry},
}

// maxAltitude is the highest place, in metres, that the parts correct for.
const maxAltitude = 3000

// CO2 holds the settings that the sensors of carbon dioxide share.
type CO2 struct {
	Altitude        uint16 `doc:"metres above sea level, 0 to 3000: the air is thinner there"`
	SelfCalibration bool   `doc:"the part takes the lowest value of a week for fresh air; only where fresh air comes in, not in a sealed cabinet"`
}

func (s CO2) check() error {
	if s.Altitude > maxAltitude {
		return fmt.Errorf("altitude = %d: want 0 to %d", s.Altitude, maxAltitude)
	}
	return nil
}

// flag is SelfCalibration as the parts write it.
func (s CO2) flag() uint16 {
	if s.SelfCalibration {
		return 1
	}
	return 0
}

// co2Air appends the results of one measurement, all or none. Air without any
// carbon dioxide is what the parts say when they have not measured.
func co2Air(into []agent.Result, ppm, celsius, percent float64) ([]agent.Result, error) {
	if ppm == 0 {
		return into, fmt.Errorf("carbon dioxide: %w", drivers.ErrNoReading)
	}
	if err := drivers.Within(ppm, 0, 40000); err != nil {
		return into, fmt.Errorf("carbon dioxide: %w", err)
	}
	if err := checkTemperature(celsius); err != nil {
		return into, err
	}
	if err := drivers.Within(percent, 0, 100); err != nil {
		return into, fmt.Errorf("humidity: %w", err)
	}
	return append(into,
		agent.Result{Property: agent.CarbonDioxide, Value: ppm},
		agent.Result{Property: agent.AirTemperature, Value: celsius},
		agent.Result{Property: agent.RelativeHumidity, Value: percent},
	), nil
}
