package linuxchip

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Hwmon reads a chip of the kernel's hwmon subsystem.
var Hwmon = drivers.New(drivers.Info{
	Name:      "hwmon",
	Summary:   "Linux hwmon: temperature, humidity, voltage, current, power of a chip",
	Datasheet: "https://docs.kernel.org/hwmon/sysfs-interface.html",
	Observes:  HwmonSettings{Channels: "temp1"}.Observes(),
}, HwmonSettings{Channels: "temp1"}, openHwmon, simulateHwmon)

// IIO reads a chip of the kernel's industrial I/O subsystem.
var IIO = drivers.New(drivers.Info{
	Name:      "iio",
	Summary:   "Linux IIO: temperature, pressure, humidity, illuminance of a chip",
	Datasheet: "https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-bus-iio",
	Observes:  IIOSettings{Channels: "temp"}.Observes(),
}, IIOSettings{Channels: "temp"}, openIIO, simulateIIO)

// hwmon: thousandths of °C, %, V and A, millionths of W (datasheet, "Sysfs
// attributes").
var hwmon = subsystem{"sys/class/hwmon", "hwmon", "hwmon", map[string]quantity{
	"temp":     of(agent.PartTemperature, 2, 1e-3, -55, 200),
	"humidity": of(agent.RelativeHumidity, 1, 1e-3, 0, 100),
	"in":       of(agent.Voltage, 3, 1e-3, -1000, 1000),
	"curr":     of(agent.Current, 3, 1e-3, -1000, 1000),
	"power":    of(agent.Power, 3, 1e-6, -1e6, 1e6),
}, regexp.MustCompile(`^([a-z]+)[0-9]{1,2}$`)}

// iio: thousandths of °C and %, kPa and lx (datasheet, in_temp_input and on).
var iio = subsystem{"sys/bus/iio/devices", "iio:device", "", map[string]quantity{
	"temp":             of(agent.AirTemperature, 2, 1e-3, -55, 200),
	"pressure":         of(agent.AtmosphericPressure, 2, 10, 300, 1250),
	"humidityrelative": of(agent.RelativeHumidity, 1, 1e-3, 0, 100),
	"illuminance":      of(agent.Illuminance, 1, 1, 0, 200000),
}, regexp.MustCompile(`^([a-z]+)$`)}

// HwmonSettings are the keys of a sensor with driver = "hwmon".
type HwmonSettings struct {
	Chip
	Channels string `doc:"what to read, with commas: temp1, humidity1, in1 (voltage), curr1, power1"`
}

// Validate rejects what is no chip or channel.
func (s HwmonSettings) Validate() error {
	_, _, err := hwmon.channels(s.Channels)
	return errors.Join(s.check(), err)
}

// Observes tells what the channels are.
func (s HwmonSettings) Observes() []drivers.Observable {
	_, all, _ := hwmon.channels(s.Channels) // Validate tells
	return observes(all)
}

// IIOSettings are the keys of a sensor with driver = "iio".
type IIOSettings struct {
	Chip
	Channels string `doc:"what to read, with commas: temp, pressure, humidityrelative, illuminance"`
}

// Validate rejects what is no chip or channel.
func (s IIOSettings) Validate() error {
	_, _, err := iio.channels(s.Channels)
	return errors.Join(s.check(), err)
}

// Observes tells what the channels are.
func (s IIOSettings) Observes() []drivers.Observable {
	_, all, _ := iio.channels(s.Channels) // Validate tells
	return observes(all)
}

func openHwmon(host drivers.Host, s HwmonSettings) (agent.Sensor, error) {
	names, all, err := hwmon.channels(s.Channels)
	return &sensor{hwmon, host.FS(), s.Chip, names, all, hwmonNumber}, err
}

// hwmonNumber reads a channel, if the kernel finds no fault with its hardware
// (datasheet, temp[1-*]_fault): most chips tell of none.
func hwmonNumber(s *sensor, folder, channel string) (float64, error) {
	fault, err := s.read(folder, channel+"_fault")
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	case fault != 0:
		return 0, fmt.Errorf("%w: the kernel tells of a fault, as an open diode", drivers.ErrNoReading)
	}
	return s.read(folder, channel+"_input")
}

func openIIO(host drivers.Host, s IIOSettings) (agent.Sensor, error) {
	names, all, err := iio.channels(s.Channels)
	return &sensor{iio, host.FS(), s.Chip, names, all, iioNumber}, err
}

// iioNumber reads a channel: the kernel converts it, or tells how to: (raw +
// offset) · scale (datasheet, in_temp_raw, in_temp_offset, in_temp_scale).
func iioNumber(s *sensor, folder, channel string) (float64, error) {
	v, err := s.read(folder, "in_"+channel+"_input")
	if !errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	raw, err := s.read(folder, "in_"+channel+"_raw")
	if err != nil {
		return 0, err
	}
	scale, err := s.read(folder, "in_"+channel+"_scale")
	if err != nil {
		return 0, err
	}
	offset, err := s.read(folder, "in_"+channel+"_offset")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return (raw + offset) * scale, nil
}

func simulateHwmon(host *sim.Host, s HwmonSettings) {
	simulate(host, hwmon, s.Chip, map[string]func() float64{
		"temp1_input": sim.AirTemperature, "humidity1_input": sim.RelativeHumidity,
	})
}

func simulateIIO(host *sim.Host, s IIOSettings) {
	simulate(host, iio, s.Chip, map[string]func() float64{
		"in_temp_input": sim.AirTemperature, "in_humidityrelative_input": sim.RelativeHumidity,
		"in_pressure_input":    func() float64 { return sim.AtmosphericPressure() / 10000 }, // in kPa
		"in_illuminance_input": func() float64 { return sim.Illuminance() / 1000 },
	})
}

// simulate makes the files of a chip. The numbers are in thousandths.
func simulate(host *sim.Host, s subsystem, c Chip, channels map[string]func() float64) {
	class := s.class
	if c.Device != "" {
		class = path.Join("sys/bus/i2c/devices", c.Device, s.below)
	}
	folder := path.Join(class, s.prefix+"0")
	host.AddFile(path.Join(folder, "name"), func() []byte { return []byte(c.Chip + "\n") })
	for name, value := range channels {
		host.AddFile(path.Join(folder, name), func() []byte {
			v := value() * 1000
			if s.prefix == "hwmon" {
				v = math.Round(v)
			}
			return fmt.Appendf(nil, "%.9g\n", v)
		})
	}
}
