package boards

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// RaspberryPi is every model that has the 40-pin header or its lines.
var RaspberryPi = Board{
	Name:    "raspberrypi",
	Summary: "Raspberry Pi Zero 2 W, 3, 4, 5 and Compute Module; the older ones too",
	Detect: func(root fs.FS) bool {
		model, err := fs.ReadFile(root, "proc/device-tree/model")
		return err == nil && bytes.HasPrefix(model, []byte("Raspberry Pi"))
	},
	Open: func() drivers.Host {
		return &linuxHost{
			defaultI2C: "1", // pins 3 and 5 of the header on every model
			advice:     "; add dtparam=i2c_arm=on to config.txt and i2c-dev to /etc/modules, and start again",
			lineName:   bcmName,
		}
	},
	Wires: func(scl, sda string) (i2cbus.Wires, error) {
		registers, err := mapRegisters(gpioMemory)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w; dtoverlay=i2c-gpio frees a bus by itself on any model", err)
		}
		if err != nil {
			return nil, err
		}
		return newBCMWires(registers, bcmName(scl), bcmName(sda))
	},
}

// bcmName turns a bare number into the name that the device tree has for the
// line: that of the processor, "GPIO17", on every model.
func bcmName(name string) string {
	if _, err := strconv.Atoi(name); err == nil {
		return "GPIO" + name
	}
	return name
}
