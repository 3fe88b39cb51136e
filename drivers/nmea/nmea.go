// Package nmea reads the position of a receiver of satellite navigation (GPS,
// GLONASS, Galileo, BeiDou) that speaks NMEA 0183 on a serial line, as almost all
// do after power-on.
//
// Nothing is sent to the receiver. The port is open only while a reading is
// taken, and a position counts when the receiver's time moved while it was open:
// a receiver that repeats what it knew once gives no value. Nor does one without
// a fix, or with one that it reckoned, was told or plays.
package nmea

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/serialline"
)

// Driver reads one receiver on a serial line.
var Driver = drivers.New(drivers.Info{
	Name:      "nmea",
	Summary:   "NMEA 0183 receivers of GPS, GLONASS, Galileo, BeiDou: position (serial)",
	Datasheet: "https://gpsd.gitlab.io/gpsd/NMEA.html",
	Observes: []drivers.Observable{
		{Property: agent.Latitude, Resolution: 6, Class: agent.Telemetry}, // 0.1 m
		{Property: agent.Longitude, Resolution: 6, Class: agent.Telemetry},
		{Property: agent.Altitude, Resolution: 1, Class: agent.Telemetry},
		{Property: agent.HDOP, Resolution: 2, Class: agent.Diagnostic},
		{Property: agent.Satellites, Resolution: 0, Class: agent.Diagnostic},
	},
}, Settings{Baud: 9600}, open, simulate)

// Settings are the keys of a sensor with driver = "nmea".
type Settings struct {
	drivers.Serial
	Baud int `doc:"speed of the receiver: 9600 mostly, 4800 for old ones, 38400 for u-blox from M10 on, 115200 for some"`
}

var bauds = []int{4800, 9600, 19200, 38400, 57600, 115200}

// Validate rejects a missing port and speeds that receivers do not have.
func (s Settings) Validate() error {
	if !slices.Contains(bauds, s.Baud) {
		return fmt.Errorf("baud %d: want one of %v", s.Baud, bauds)
	}
	return s.Serial.Validate()
}

// timeout is for two fixes: receivers make one a second, if not more.
const timeout = 5 * time.Second

type sensor struct {
	host drivers.Host
	Settings
}

func open(host drivers.Host, s Settings) (agent.Sensor, error) { return &sensor{host, s}, nil }

// Observe implements agent.Sensor. All results are of one instant.
func (s *sensor) Observe(ctx context.Context, into []agent.Result) ([]agent.Result, error) {
	var l listener
	err := s.Listen(ctx, s.host, s.Baud, timeout, func(port serialline.Port) error {
		err := l.listen(port)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s: %w", l.missing(s.Baud), err)
		}
		return err
	})
	if err != nil {
		return into, err
	}
	return l.fix.results(into), nil
}

// Close implements agent.Sensor.
func (s *sensor) Close() error { return nil }

// A listener hears sentences until they make a position.
type listener struct {
	heard int   // sentences of any kind
	first clock // of the first instant that was heard, not all of it maybe
	moved bool  // another instant was heard
	fix   fix   // of the instant that is being heard
}

// listen reads lines until a position is complete, which then is in l.fix.
func (l *listener) listen(port serialline.Port) error {
	var (
		b    []byte
		read [512]byte
	)
	for {
		n, err := port.Read(read[:])
		if err != nil {
			return err
		}
		at := time.Now()
		b = append(b, read[:n]...)
		for {
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				break
			}
			if s, ok := parse(bytes.TrimSuffix(b[:end], []byte{'\r'})); ok {
				if done, err := l.add(s, at); done || err != nil {
					return err
				}
			}
			b = b[end+1:]
		}
	}
}

// add takes a sentence and tells whether the position is complete: it has been
// checked, or the receiver has begun with the next.
func (l *listener) add(s sentence, at time.Time) (done bool, err error) {
	l.heard++
	if !s.matters() {
		return false, nil
	}
	t, err := s.time()
	if err != nil {
		return false, fmt.Errorf("%s%s: %w", s.talker, s.kind, err)
	}
	switch {
	case !l.first.known:
		l.first = t
		return false, s.valid()
	case t == l.first && !l.moved:
		return false, s.valid()
	}
	l.moved = true
	if t != l.fix.clock {
		if l.fix.placed {
			return true, nil
		}
		l.fix = fix{clock: t, at: at}
	}
	if err := l.fix.add(s); err != nil {
		return false, fmt.Errorf("%s%s: %w", s.talker, s.kind, err)
	}
	return l.fix.placed && l.fix.checked, nil
}

// missing says why there is no position.
func (l *listener) missing(baud int) string {
	switch {
	case l.heard == 0:
		return fmt.Sprintf("no NMEA sentence at %d baud; check wiring and baud", baud)
	case !l.first.known:
		return "no GGA, GNS or RMC sentence; switch them on in the receiver"
	case !l.moved:
		return "the receiver's time stands still, so its position is old"
	}
	return "no GGA or GNS sentence; switch one on in the receiver"
}
