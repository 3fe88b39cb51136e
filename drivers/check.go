package drivers

import (
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// Reasons why a part's answer is not believed. The text around them says more.
var (
	ErrChecksum  = errors.New("checksum mismatch")
	ErrIdentity  = errors.New("another part answers")
	ErrNotReady  = errors.New("no result in time")
	ErrRange     = errors.New("outside what the part can measure")
	ErrBrownOut  = errors.New("the part lost its settings")
	ErrNoReading = errors.New("no reading in the answer")
)

// CRC8 is the checksum of Sensirion's parts: polynomial 0x31, start 0xff;
// CRC8(0xbe, 0xef) = 0x92.
func CRC8(b []byte) byte { return sim.CRC8(b) }

// Within returns an error that wraps ErrRange unless lowest ≤ v ≤ highest. NaN
// is never within.
func Within(v, lowest, highest float64) error {
	if v >= lowest && v <= highest {
		return nil
	}
	return fmt.Errorf("%g %w", v, ErrRange)
}

// CheckShunt rejects resistances that no shunt has, in ohm.
func CheckShunt(ohms float64) error {
	if !(ohms >= 1e-5 && ohms <= 100) {
		return errors.New("shunt_ohms: want 0.00001 to 100, the resistance of the shunt in ohm")
	}
	return nil
}
