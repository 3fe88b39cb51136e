package ina3221

import (
	"errors"
	"fmt"
	"math"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

var defaults = Settings{drivers.I2C{Address: 0x40}, 0.1, 0.1, 0.1}

// Settings are the keys of a sensor with driver = "ina3221".
type Settings struct {
	drivers.I2C
	ShuntOhms1 float64 `doc:"resistance of the shunt of channel 1 in ohm: 0.1 on most modules; 0 leaves the channel out"`
	ShuntOhms2 float64 `doc:"resistance of the shunt of channel 2, as shunt_ohms1"`
	ShuntOhms3 float64 `doc:"resistance of the shunt of channel 3, as shunt_ohms1"`
}

// Validate rejects addresses the part is not made with, pin A0 at ground, VS,
// SDA or SCL, and shunts that do not exist.
func (s Settings) Validate() error {
	for i, ohms := range s.ohms() {
		if ohms != 0 && !(ohms >= 1e-5 && ohms <= 100) {
			return fmt.Errorf("shunt_ohms%d: want 0.00001 to 100, the resistance of the shunt in ohm, or 0 to leave the channel out", i+1)
		}
	}
	if s.ohms() == [3]float64{} {
		return errors.New("shunt_ohms1 to shunt_ohms3: all channels are left out")
	}
	return s.CheckAddress(drivers.AddressRange(0x40, 0x43)...)
}

func (s Settings) ohms() [3]float64 { return [3]float64{s.ShuntOhms1, s.ShuntOhms2, s.ShuntOhms3} }

// config is the part's configuration: it measures the channels in use.
func (s Settings) config() uint16 {
	word := uint16(config)
	for i, ohms := range s.ohms() {
		if ohms != 0 {
			word |= channel1 >> i
		}
	}
	return word
}

// Observes tells the channels in use and the resolution of their shunts.
func (s Settings) Observes() (all []drivers.Observable) {
	for i, ohms := range s.ohms() {
		if ohms == 0 {
			continue
		}
		k := int8(min(max(math.Ceil(-math.Log10(realStep*shuntStep/ohms)-1e-9), 0), 9))
		all = append(all,
			drivers.Observable{Property: properties[i][0], Resolution: 3, Class: agent.Telemetry},
			drivers.Observable{Property: properties[i][1], Resolution: k, Class: agent.Telemetry},
			drivers.Observable{Property: properties[i][2], Resolution: max(k-1, 0), Class: agent.Telemetry},
		)
	}
	return all
}
