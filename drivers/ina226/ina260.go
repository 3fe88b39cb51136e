package ina226

import (
	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// INA260 reads one INA260 on an I2C bus.
var INA260 = drivers.New(drivers.Info{
	Name:      "ina260",
	Summary:   "TI INA260: voltage up to 36 V, current up to 15 A, power (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/ina260.pdf",
	Observes: []drivers.Observable{
		{Property: agent.Voltage, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.Current, Resolution: 3, Class: agent.Telemetry},
		{Property: agent.Power, Resolution: 2, Class: agent.Telemetry},
	},
}, SettingsINA260{drivers.I2C{Address: 0x40}}, openINA260, simulateINA260)

// SettingsINA260 are the keys of a sensor with driver = "ina260".
type SettingsINA260 struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pins A1 and A0 at
// ground, VS, SDA or SCL.
func (s SettingsINA260) Validate() error {
	return s.CheckAddress(drivers.AddressRange(0x40, 0x4f)...)
}

// The INA260 is an INA226 with a shunt of its own: a step of its current, 1.25 mA,
// is a step of the INA226 across 2 mΩ (datasheet of the INA260, section 8.6).
const (
	shuntINA260  = 0.002
	deviceINA260 = 0x2270
	configINA260 = 0x6523 // as config; 0x6127 after power-on
)

func openINA260(host drivers.Host, s SettingsINA260) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sensor{dev: dev, chip: chip{deviceINA260, configINA260}, shuntOhms: shuntINA260}, err
}

func simulateINA260(host *sim.Host, s SettingsINA260) {
	s.Simulate(host, newPart(deviceINA260, 0x6127))
}
