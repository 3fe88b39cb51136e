package serialair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
)

// PMSA003I reads one PMSA003I on an I2C bus of at most 100 kHz. It has no
// registers and no identity but its frame, and nothing tells that it lost power
// but frames without a single particle: those are no values. What it says in the
// half minute after the first contact, or after such frames, is marked as warm-up.
var PMSA003I = drivers.New(drivers.Info{
	Name:      "pmsa003i",
	Summary:   "Plantower PMSA003I: particulate matter, PM1 to PM10 (I2C)",
	Datasheet: "https://cdn-shop.adafruit.com/product-files/4632/4505_PMSA003I_series_data_manual_English_V2.6.pdf",
	Observes:  observes(0, agent.PM1, agent.PM25, agent.PM10),
}, PMSA003ISettings{drivers.I2C{Address: 0x12}}, openPMSA003I, simulatePMSA003I)

// PMSA003ISettings are the keys of a sensor with driver = "pmsa003i".
type PMSA003ISettings struct {
	drivers.I2C
}

// Validate rejects addresses the part is not made with: there is one.
func (s PMSA003ISettings) Validate() error { return s.CheckAddress(0x12) }

// The frame (manual, appendix I), and how long its parts take (section "Technical
// Index").
const (
	pmsaSize  = 32
	pmsaCount = 16 // here is the number of particles beyond 0.3 µm in 0.1 l, which no air is without
	pmsaError = 29 // 0: the part finds nothing wrong

	pmsaPoll   = 500 * time.Millisecond
	pmsaSpinUp = 5 * time.Second // how long frames without particles are waited out
)

type pmsa003i struct {
	dev   i2cbus.Dev
	since time.Time // it runs, as far as is known; zero after an error
	buf   [pmsaSize]byte
}

func openPMSA003I(host drivers.Host, s PMSA003ISettings) (agent.Sensor, error) {
	dev, err := s.I2C.Open(host)
	return &pmsa003i{dev: dev}, err
}

// Observe implements agent.Sensor.
func (s *pmsa003i) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	results, q, err := s.read(ctx)
	if err != nil {
		s.since = time.Time{}
		return into, fmt.Errorf("read frame: %w", err)
	}
	if s.since.IsZero() {
		s.since = time.Now()
	}
	if time.Since(s.since) < particleWarmUp {
		q |= agent.WarmUp
	}
	for _, r := range results {
		r.Quality |= q
		into = append(into, r)
	}
	return into, nil
}

// Close implements agent.Sensor. The fan goes on: only a pin stops it.
func (s *pmsa003i) Close() error { return nil }

// read returns what the next frame with particles says.
func (s *pmsa003i) read(ctx context.Context) ([]agent.Result, agent.Quality, error) {
	for start := time.Now(); ; {
		if err := s.dev.Read(ctx, s.buf[:]); err != nil {
			return nil, 0, err
		}
		results, q, err := pmsaFrame(s.buf[:])
		if !errors.Is(err, drivers.ErrNoReading) || time.Since(start) >= pmsaSpinUp {
			return results, q, err
		}
		s.since = time.Time{} // it lost power, or its fan stands
		if err := drivers.Wait(ctx, pmsaPoll); err != nil {
			return nil, 0, err
		}
	}
}

// pmsaFrame decodes the frame that the part has in common with those on serial
// lines.
func pmsaFrame(b []byte) ([]agent.Result, agent.Quality, error) {
	if len(b) != pmsaSize || b[3] != pmsaSize-4 {
		return nil, 0, fmt.Errorf("%w: no frame: % x", drivers.ErrIdentity, b)
	}
	results, n, _, err := pmsFrame(b)
	if err != nil {
		return nil, 0, err
	}
	if n != len(b) {
		return nil, 0, fmt.Errorf("%w in % x", drivers.ErrChecksum, b)
	}
	if b[pmsaError] != 0 {
		return results, agent.Degraded, nil
	}
	return results, 0, nil
}

// simulatePMSA003I puts a part on the bus that has run for long.
func simulatePMSA003I(host *sim.Host, s PMSA003ISettings) { s.Simulate(host, new(simPMSA003I)) }

// simPMSA003I says nothing of particles until its fan turns.
type simPMSA003I struct{ turns time.Time }

// Write implements sim.Part. There is nothing to write to.
func (p *simPMSA003I) Write([]byte) error { return sim.NoAck }

// Read implements sim.Part.
func (p *simPMSA003I) Read(r []byte) error {
	frame := pmsWords(0)
	if !time.Now().Before(p.turns) {
		frame = pmsWords(sim.Particles())
	}
	copy(r, frame)
	return nil
}

// Reset implements sim.Part.
func (p *simPMSA003I) Reset() { p.turns = time.Now().Add(3 * time.Second) }
