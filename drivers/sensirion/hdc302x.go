package sensirion

import (
	"context"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// HDC302x reads one HDC3020, HDC3021 or HDC3022 of Texas Instruments on an I2C
// bus. It has the commands of an SHT3x, and one more that tells its maker.
var HDC302x = drivers.New(drivers.Info{
	Name:      "hdc302x",
	Summary:   "TI HDC3020, HDC3021, HDC3022: air temperature and humidity (I2C)",
	Datasheet: "https://www.ti.com/lit/ds/symlink/hdc3020.pdf",
	Observes:  SHT3x.Observes,
}, HDC302xSettings{drivers.I2C{Address: 0x44}}, openHDC302x, simulateHDC302x)

// HDC302xSettings are the keys of a sensor with driver = "hdc302x".
type HDC302xSettings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: pins ADDR and ADDR1 low
// or high (datasheet, "I2C Serial Bus Address Configuration").
func (s HDC302xSettings) Validate() error {
	return s.CheckAddress(drivers.AddressRange(0x44, 0x47)...)
}

// What an SHT3x does not know (datasheet, "Device Functional Modes").
const (
	hdc302xMaker = 0x3781 // read the manufacturer
	hdc302xTexas = 0x3000
)

func openHDC302x(host drivers.Host, s HDC302xSettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &sht3x{device: device{Dev: dev}, texas: true}, err
}

// identify asks an HDC302x for its maker.
func (s *sht3x) identify(ctx context.Context) error {
	maker, err := s.word(ctx, hdc302xMaker, sht3xTime)
	if err != nil {
		return err
	}
	if maker != hdc302xTexas {
		return fmt.Errorf("%w: maker %#04x, want %#04x of an HDC302x", drivers.ErrIdentity, maker, hdc302xTexas)
	}
	return nil
}

// simulateHDC302x puts a part on the bus that feels the simulated air.
func simulateHDC302x(host *sim.Host, s HDC302xSettings) {
	p := newSHT3x()
	rest := p.Answer
	p.Answer = func(command []byte, into []uint16) ([]uint16, time.Duration, bool) {
		if len(command) == 2 && command[0] == hdc302xMaker>>8 && command[1] == hdc302xMaker&0xff {
			return append(into, hdc302xTexas), time.Millisecond, true
		}
		return rest(command, into)
	}
	s.Simulate(host, p)
}
