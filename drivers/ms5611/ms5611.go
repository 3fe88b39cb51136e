// Package ms5611 drives pressure sensors of TE Connectivity (once MEAS) that have
// commands and a calibration of six words: the barometers MS5611 and MS5637, and
// the MS5837, which is made for water.
//
// The parts have no settings that a loss of power would take away. Each reading
// begins with a reset; a result that was lost is 0, which no converter says.
package ms5611

import (
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

var barometer = []drivers.Observable{
	{Property: agent.AirTemperature, Resolution: 2, Class: agent.Telemetry},
	{Property: agent.AtmosphericPressure, Resolution: 2, Class: agent.Telemetry},
}

// MS5611 reads one MS5611 on an I2C bus.
var MS5611 = drivers.New(drivers.Info{
	Name:      "ms5611",
	Summary:   "TE MS5611: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.te.com/commerce/DocumentDelivery/DDEController?Action=showdoc&DocId=Data+Sheet%7FMS5611-01BA03%7FB3%7Fpdf%7FEnglish%7FENG_DS_MS5611-01BA03_B3.pdf",
	Observes:  barometer,
}, SettingsMS5611{drivers.I2C{Address: 0x77}}, openMS5611, simulateMS5611)

// SettingsMS5611 are the keys of a sensor with driver = "ms5611".
type SettingsMS5611 struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pin CSB low or high.
func (s SettingsMS5611) Validate() error { return s.CheckAddress(0x77, 0x76) }

// MS5637 reads one MS5637 on an I2C bus.
var MS5637 = drivers.New(drivers.Info{
	Name:      "ms5637",
	Summary:   "TE MS5637: atmospheric pressure and air temperature (I2C)",
	Datasheet: "https://www.te.com/commerce/DocumentDelivery/DDEController?Action=showdoc&DocId=Data+Sheet%7FMS5637-02BA03%7FA1%7Fpdf%7FEnglish%7FENG_DS_MS5637-02BA03_A1.pdf",
	Observes:  barometer,
}, SettingsMS5637{drivers.I2C{Address: 0x76}}, openMS5637, simulateMS5637)

// SettingsMS5637 are the keys of a sensor with driver = "ms5637".
type SettingsMS5637 struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s SettingsMS5637) Validate() error { return s.CheckAddress(0x76) }

// MS5837 reads one MS5837 on an I2C bus.
var MS5837 = drivers.New(drivers.Info{
	Name:      "ms5837",
	Summary:   "TE MS5837-30BA, -02BA: pressure under water, which tells its level, and temperature (I2C)",
	Datasheet: "https://www.te.com/commerce/DocumentDelivery/DDEController?Action=showdoc&DocId=Data+Sheet%7FMS5837-30BA%7FB1%7Fpdf%7FEnglish%7FENG_DS_MS5837-30BA_B1.pdf",
	Observes:  defaultsMS5837.Observes(),
}, defaultsMS5837, openMS5837, simulateMS5837)

var defaultsMS5837 = SettingsMS5837{drivers.I2C{Address: 0x76}, "30ba"}

// SettingsMS5837 are the keys of a sensor with driver = "ms5837".
type SettingsMS5837 struct {
	drivers.I2C
	Model string `doc:"30ba up to 290 m of water (Bar30), or 02ba up to 10 m (Bar02)"`
}

// Validate rejects addresses the part is not made with, there is one, and models
// that there are not.
func (s SettingsMS5837) Validate() error {
	if s.Model != "30ba" && s.Model != "02ba" {
		return fmt.Errorf("model %q: want \"30ba\" or \"02ba\"", s.Model)
	}
	return s.CheckAddress(0x76)
}

// Observes tells the resolution, which is that of the model.
func (s SettingsMS5837) Observes() []drivers.Observable {
	var k int8 = 1 // 0.2 mbar
	if s.Model == "02ba" {
		k = 2 // 0.016 mbar
	}
	return []drivers.Observable{
		{Property: agent.WaterTemperature, Resolution: 2, Class: agent.Telemetry},
		{Property: agent.WaterPressure, Resolution: k, Class: agent.Telemetry},
	}
}

func (s SettingsMS5837) chip() *chip {
	if s.Model == "02ba" {
		return &ms5837x02
	}
	return &ms5837x30
}

func openMS5611(host drivers.Host, s SettingsMS5611) (agent.Sensor, error) {
	dev, err := s.Open(host)
	return &sensor{dev: dev, chip: &ms5611}, err
}

func openMS5637(host drivers.Host, s SettingsMS5637) (agent.Sensor, error) {
	dev, err := s.Open(host)
	return &sensor{dev: dev, chip: &ms5637}, err
}

func openMS5837(host drivers.Host, s SettingsMS5837) (agent.Sensor, error) {
	dev, err := s.Open(host)
	return &sensor{dev: dev, chip: s.chip()}, err
}

func simulateMS5611(host *sim.Host, s SettingsMS5611) { s.Simulate(host, newPart(&ms5611)) }
func simulateMS5637(host *sim.Host, s SettingsMS5637) { s.Simulate(host, newPart(&ms5637)) }
func simulateMS5837(host *sim.Host, s SettingsMS5837) { s.Simulate(host, newPart(s.chip())) }

// How long the converter takes at most: at its oversampling of 4096 or 8192, which
// is the highest (datasheets, "Analog digital converter").
const (
	time4096 = 10 * time.Millisecond // 9.04 ms
	time8192 = 20 * time.Millisecond // 18.08 ms
)

var ms5611 = chip{
	name: "MS5611", convert: 0x48, wait: time4096, crcLast: true,
	temperature: agent.AirTemperature, pressure: agent.AtmosphericPressure,
	coldest: -40, lowest: 10, highest: 1200,
	off: 1 << 16, offT: 1.0 / (1 << 7), sens: 1 << 15, sensT: 1.0 / (1 << 8), step: 0.01 / (1 << 15),
	cold:     correction{1.0 / (1 << 31), 5.0 / 2, 5.0 / 4},
	freezing: correction{0, 7, 11.0 / 2},
}

var ms5637 = chip{
	name: "MS5637", convert: 0x4a, wait: time8192,
	temperature: agent.AirTemperature, pressure: agent.AtmosphericPressure,
	coldest: -40, lowest: 300, highest: 1200,
	off: 1 << 17, offT: 1.0 / (1 << 6), sens: 1 << 16, sensT: 1.0 / (1 << 7), step: 0.01 / (1 << 15),
	warm:     correction{5.0 / (1 << 38), 0, 0},
	cold:     correction{3.0 / (1 << 33), 61.0 / 16, 29.0 / 16},
	freezing: correction{0, 17, 9},
}

var ms5837x30 = chip{
	name: "MS5837-30BA", convert: 0x4a, wait: time8192, product: 0x1a, other: 0x15, least: 0, most: 37000,
	temperature: agent.WaterTemperature, pressure: agent.WaterPressure,
	coldest: -20, lowest: 300, highest: 30000,
	off: 1 << 16, offT: 1.0 / (1 << 7), sens: 1 << 15, sensT: 1.0 / (1 << 8), step: 0.1 / (1 << 13),
	warm:     correction{2.0 / (1 << 37), 1.0 / 16, 0},
	cold:     correction{3.0 / (1 << 33), 3.0 / 2, 5.0 / 8},
	freezing: correction{0, 7, 4},
}

var ms5837x02 = chip{
	name: "MS5837-02BA", convert: 0x4a, wait: time8192, product: 0x15, other: 0x1a, least: 37001, most: 65535,
	temperature: agent.WaterTemperature, pressure: agent.WaterPressure,
	coldest: -20, lowest: 300, highest: 2000,
	off: 1 << 17, offT: 1.0 / (1 << 6), sens: 1 << 16, sensT: 1.0 / (1 << 7), step: 0.01 / (1 << 15),
	cold: correction{11.0 / (1 << 35), 31.0 / 8, 63.0 / 32},
}
