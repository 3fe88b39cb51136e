// Package boards knows the computers the agent runs on: how to tell one from
// another, and where its buses are.
package boards

import (
	"io/fs"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// A Board is a model of computer.
type Board struct {
	Name      string // the word after "board =" in the configuration
	Summary   string // for people
	Simulated bool   // there is no hardware

	// Detect tells from the file system, rooted at /, whether this is one. It
	// is nil for boards that are never found by themselves.
	Detect func(root fs.FS) bool

	// Open returns the board's buses, lines and files. It touches no hardware.
	Open func() drivers.Host

	// Wires returns the wires of an I2C bus that are on two lines, to free them
	// when a part holds them. It is nil where they cannot be taken from the bus's
	// controller and given back.
	Wires func(scl, sda string) (i2cbus.Wires, error)
}

// Detect returns the first board that the computer is.
func Detect(boards []Board, root fs.FS) (Board, bool) {
	for _, b := range boards {
		if b.Detect != nil && b.Detect(root) {
			return b, true
		}
	}
	return Board{}, false
}

// Sim is a computer without hardware.
var Sim = Board{
	Name:      "sim",
	Summary:   "no hardware: simulated sensors, for trying out, teaching and CI",
	Simulated: true,
	Open:      func() drivers.Host { return new(sim.Host) },
}
