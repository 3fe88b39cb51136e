package bme680

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
)

// initialise resets the part, configures it and reads its calibration.
func (s *sensor) initialise(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if b[0] != id {
		return fmt.Errorf("%w: identity %#02x, want %#02x of a BME680 or BME688", drivers.ErrIdentity, b[0], id)
	}
	if err := s.dev.ReadReg(ctx, regVariant, b[:]); err != nil {
		return fmt.Errorf("read variant: %w", err)
	}
	if b[0] > 1 {
		return fmt.Errorf("%w: variant %#02x, want 0 of a BME680 or 1 of a BME688", drivers.ErrIdentity, b[0])
	}
	s.bme688 = b[0] == 1
	if err := s.dev.Write(ctx, regReset, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := drivers.Wait(ctx, startTime); err != nil {
		return err
	}
	// First the setting that a loss of power takes away: what is read after it
	// was read from a part that is still powered when measure finds it.
	if err := s.dev.Write(ctx, regCtrlHum, ctrlHum, regConfig, 0); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	var c image
	if err := s.dev.ReadReg(ctx, regCalibration, c.first[:]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	if err := s.dev.ReadReg(ctx, regMore, c.more[:]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	if err := s.dev.ReadReg(ctx, regHeaterValue, c.heater[:]); err != nil {
		return fmt.Errorf("read calibration of the heater: %w", err)
	}
	var err error
	s.calibration, err = parse(c)
	s.started = time.Now()
	return err
}
