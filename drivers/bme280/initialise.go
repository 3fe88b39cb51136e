package bme280

import (
	"context"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// initialise resets the part and reads its calibration.
func (s *sensor) initialise(ctx context.Context) error {
	var b [1]byte
	if err := s.dev.ReadReg(ctx, regID, b[:]); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	if !s.is(b[0]) {
		return fmt.Errorf("%w: %s", drivers.ErrIdentity, who(b[0]))
	}
	if err := s.dev.Write(ctx, regReset, reset); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	if err := s.awaitImage(ctx); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	// First the setting that a loss of power takes away: what is read after it
	// was read from a part that is still powered when measure finds it.
	mark := []byte{regCtrlHum, ctrlHum}
	if s.dry {
		mark = []byte{regConfig, standby}
	}
	if err := s.dev.Write(ctx, mark...); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	var c [33]byte
	if err := s.dev.ReadReg(ctx, regCalibration, c[:26]); err != nil {
		return fmt.Errorf("read calibration: %w", err)
	}
	var err error
	if s.dry {
		s.calibration, err = parseAir([24]byte(c[:]))
		return err
	}
	if err := s.dev.ReadReg(ctx, regHumidity, c[26:]); err != nil {
		return fmt.Errorf("read calibration of humidity: %w", err)
	}
	s.calibration, err = parse(c)
	return err
}

// is tells whether the identity is that of the part the driver is for. 0x56 and
// 0x57 are samples of the BMP280 (its datasheet, section 4.3.1).
func (s *sensor) is(identity byte) bool {
	if s.dry {
		return 0x56 <= identity && identity <= idBMP280
	}
	return identity == id
}

// awaitImage waits until the part has copied its calibration to its registers.
func (s *sensor) awaitImage(ctx context.Context) error {
	for range 10 {
		if err := drivers.Wait(ctx, startTime); err != nil {
			return err
		}
		var b [1]byte
		if err := s.dev.ReadReg(ctx, regStatus, b[:]); err != nil {
			return err
		}
		if b[0]&statusImage == 0 {
			return nil
		}
	}
	return drivers.ErrNotReady
}

// who names the part that has an identity.
func who(identity byte) string {
	switch identity {
	case 0x55:
		return "a BMP180 (identity 0x55); set driver = \"bmp180\""
	case 0x56, 0x57, idBMP280:
		return fmt.Sprintf("a BMP280 (identity %#02x), which has no humidity; set driver = \"bmp280\"", identity)
	case id:
		return "a BME280 (identity 0x60); set driver = \"bme280\""
	case 0x61:
		return "a BME680 or BME688 (identity 0x61); set driver = \"bme680\""
	}
	return fmt.Sprintf("identity %#02x, want 0x60 of a BME280 or 0x58 of a BMP280", identity)
}
