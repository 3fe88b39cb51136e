package dps310

import (
	"context"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// initialise resets the part, configures it and reads its coefficients.
func (s *sensor) initialise(ctx context.Context) error {
	product, err := s.dev.Byte(ctx, regID)
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if product != id && !s.anyProduct {
		return fmt.Errorf("%w: product %#02x, want 0x10; any_product = true accepts it", drivers.ErrIdentity, product)
	}
	if err := s.dev.Write(ctx, regReset, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.pause.Wait(ctx, startTime); err != nil {
		return err
	}
	if err := s.await(ctx, coefficientsIn|sensorReady); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.correct(ctx); err != nil {
		return fmt.Errorf("correct: %w", err)
	}
	// First the setting that a loss of power takes away: what is read after it
	// was read from a part that is still powered when measure finds it.
	if err := s.dev.Write(ctx, regPressure, oversample8); err != nil {
		return fmt.Errorf("configure pressure: %w", err)
	}
	source, err := s.dev.Byte(ctx, regSource)
	if err != nil {
		return fmt.Errorf("read coefficient source: %w", err)
	}
	s.source = source & external
	if err := s.dev.Write(ctx, regTemperature, s.source); err != nil {
		return fmt.Errorf("configure temperature: %w", err)
	}
	var b [18]byte
	if err := s.dev.ReadReg(ctx, regCoefficients, b[:]); err != nil {
		return fmt.Errorf("read coefficients: %w", err)
	}
	s.coefficients, err = parse(b)
	return err
}

// correct tells a part of the first series, which else reports about 60 °C, to
// use its thermometer rightly. The maker gives the sequence, but not in the
// datasheet; the Linux driver does the same.
func (s *sensor) correct(ctx context.Context) error {
	b, err := s.dev.Byte(ctx, regCorrected)
	if err != nil || b&0x02 != 0 {
		return err
	}
	for _, w := range [][2]byte{{0x0e, 0xa5}, {0x0f, 0x96}, {0x62, 0x02}, {0x0e, 0x00}, {0x0f, 0x00}} {
		if err := s.dev.Write(ctx, w[0], w[1]); err != nil {
			return err
		}
	}
	return nil
}
