package tmp421

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
)

// Registers, and what is written to them (datasheet, "Register Map").
const (
	regLocal    = 0x00 // high byte
	regRemote   = 0x01
	regLow      = 0x10 // added to the register of the high byte
	regStatus   = 0x08
	regConfig1  = 0x09
	regConfig2  = 0x0a
	regOneShot  = 0x0f
	regMaker    = 0xfe
	regDevice   = 0xff
	texas       = 0x55
	shutDown    = 0x40 // in config 1; range −40 to 127 °C. 0 after power-on
	localOnly   = 0x0c // in config 2: resistance correction, local channel
	withRemote1 = 0x1c // and the first remote channel
	busy        = 0x80 // in the status
	open1       = 0x01 // in a low byte: no diode
	powerLow    = 0x02 // in a low byte: the supply is too low to convert
)

// convertTime is how long one channel takes at most, and pollTime the time
// between two looks (datasheet, electrical characteristics: 130 ms).
const (
	convertTime = 130 * time.Millisecond
	pollTime    = 20 * time.Millisecond
)

var (
	errOpen     = errors.New("no diode is connected")
	errPowerLow = errors.New("its supply is too low")
)

// convert starts a conversion of each channel and waits for the last.
func (s *sensor) convert(ctx context.Context) error {
	if err := s.dev.Write(ctx, regOneShot, 0); err != nil {
		return err
	}
	wait := convertTime
	if s.probe {
		wait += convertTime
	}
	for range 10 {
		if err := drivers.Wait(ctx, wait); err != nil {
			return err
		}
		status, err := s.dev.Byte(ctx, regStatus)
		if err != nil || status&busy == 0 {
			return err
		}
		wait = pollTime
	}
	return drivers.ErrNotReady
}

// temperature reads a channel: first its high byte, which keeps the low byte of
// the same conversion for the next read (datasheet, temperature registers).
func (s *sensor) temperature(ctx context.Context, reg byte) (float64, error) {
	high, err := s.dev.Byte(ctx, reg)
	if err != nil {
		return 0, err
	}
	low, err := s.dev.Byte(ctx, reg+regLow)
	if err != nil {
		return 0, err
	}
	return decode(high, low)
}

// decode returns the temperature in °C, or says that the channel has none.
func decode(high, low byte) (float64, error) {
	if low&powerLow != 0 {
		return 0, fmt.Errorf("%w: %02x %02x", errPowerLow, high, low)
	}
	if low&open1 != 0 {
		return 0, fmt.Errorf("%w: %02x %02x", errOpen, high, low)
	}
	v := float64(int8(high)) + float64(low>>4)/16
	return v, drivers.Within(v, -40, 127)
}
