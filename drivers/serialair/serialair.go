// Package serialair drives sensors of air quality on a serial line: those of
// particles by Plantower and Nova, and of carbon dioxide by Winsen. One by
// Plantower sends the same frame over I2C.
//
// The port is open only while a reading is taken: what a part sent before is old.
// Parts of particles are left in the mode they have after power-on, in which they
// send frames on their own. After power-on, they need 30 s and a part of carbon
// dioxide 3 min, and none of them tells that it is not ready: what they say for so
// long after the first contact, or after nothing was heard, is marked as warm-up.
package serialair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/serialline"
)

// baud is what all of them have.
const baud = 9600

// A model is what differs.
type model struct {
	ask     []byte        // what makes the part send a frame, or nil if it does so on its own
	timeout time.Duration // for the frame
	warmUp  time.Duration // what it needs after power-on

	// frame looks for a frame at the beginning of b. It returns its length, 0 if
	// none begins here, and whether more bytes must come to tell. err is set for a
	// frame that is not believed.
	frame func(b []byte) (results []agent.Result, n int, more bool, err error)
}

type sensor struct {
	model
	host drivers.Host
	drivers.Serial
	since time.Time // it runs, as far as is known; zero after an error
}

// longest is how much is read for one frame, at most: a few frames.
const longest = 1024

// Observe implements agent.Sensor.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	err := s.Listen(ctx, s.host, baud, s.timeout, func(port serialline.Port) error {
		if s.ask != nil {
			if _, err := port.Write(s.ask); err != nil {
				return fmt.Errorf("ask: %w", err)
			}
		}
		got, err := s.listen(port)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("no frame in %v: %w", s.timeout, err)
		}
		if err != nil {
			return err
		}
		if s.since.IsZero() {
			s.since = time.Now()
		}
		for _, r := range got {
			if time.Since(s.since) < s.warmUp {
				r.Quality |= agent.WarmUp
			}
			into = append(into, r)
		}
		return nil
	})
	if err != nil {
		s.since = time.Time{}
	}
	return into, err
}

// Close implements agent.Sensor.
func (s *sensor) Close() error { return nil }

// listen returns what the first frame says.
func (s *sensor) listen(port serialline.Port) ([]agent.Result, error) {
	var (
		b    []byte
		read [64]byte
	)
	for total := 0; total < longest; {
		n, err := port.Read(read[:])
		if err != nil {
			return nil, err
		}
		total += n
		b = append(b, read[:n]...)
		for len(b) > 0 {
			results, n, more, err := s.frame(b)
			if more {
				break
			}
			if n > 0 {
				return results, err
			}
			b = b[1:] // the middle of a frame, or noise
		}
	}
	return nil, fmt.Errorf("%w: %d bytes without a frame", drivers.ErrNotReady, longest)
}
