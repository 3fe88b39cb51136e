package ms5611

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// Commands (datasheets, "Commands").
const (
	cmdRead        = 0x00 // the result of a conversion, three bytes
	cmdReset       = 0x1e
	cmdMemory      = 0xa0 // and seven more, a word each
	forTemperature = 0x10 // in a command to convert
)

// resetTime is how long the part takes to load its calibration: 2.8 ms.
const resetTime = 5 * time.Millisecond

type sensor struct {
	dev         i2cbus.Dev
	pause       drivers.Waiter
	chip        *chip
	calibration calibration
}

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	t, p, err := s.measure(ctx)
	if err != nil {
		return into, fmt.Errorf("measure: %w", err)
	}
	return append(into,
		agent.Result{Property: s.chip.temperature, Value: t},
		agent.Result{Property: s.chip.pressure, Value: p},
	), nil
}

// Close implements agent.Sensor. The part is idle already.
func (s *sensor) Close() error { return nil }

// measure takes one measurement, in °C and hPa.
func (s *sensor) measure(ctx context.Context) (temperature, pressure float64, err error) {
	if err := s.dev.Write(ctx, cmdReset); err != nil {
		return 0, 0, fmt.Errorf("reset: %w", err)
	}
	if err := s.pause.Wait(ctx, resetTime); err != nil {
		return 0, 0, err
	}
	if err := s.calibrate(ctx); err != nil {
		return 0, 0, err
	}
	d1, err := s.convert(ctx, s.chip.convert)
	if err != nil {
		return 0, 0, fmt.Errorf("pressure: %w", err)
	}
	d2, err := s.convert(ctx, s.chip.convert+forTemperature)
	if err != nil {
		return 0, 0, fmt.Errorf("temperature: %w", err)
	}
	return s.calibration.convert(d1, d2)
}

// calibrate reads the calibration, for each measurement: nothing tells when
// another part took the place of the one before. The last word of some parts is
// not there, and does not count.
func (s *sensor) calibrate(ctx context.Context) error {
	var w [8]uint16
	for i := range w {
		if i == 7 && !s.chip.crcLast {
			break
		}
		var b [2]byte
		if err := s.dev.ReadReg(ctx, cmdMemory+2*byte(i), b[:]); err != nil {
			return fmt.Errorf("read calibration: %w", err)
		}
		w[i] = binary.BigEndian.Uint16(b[:])
	}
	var err error
	s.calibration, err = parse(s.chip, w)
	return err
}

// convert makes one conversion. A part that is asked while it converts spoils the
// result, so it is asked once.
func (s *sensor) convert(ctx context.Context, command byte) (uint32, error) {
	if err := s.dev.Write(ctx, command); err != nil {
		return 0, err
	}
	if err := s.pause.Wait(ctx, s.chip.wait); err != nil {
		return 0, err
	}
	var b [3]byte
	if err := s.dev.ReadReg(ctx, cmdRead, b[:]); err != nil {
		return 0, err
	}
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]), nil
}
