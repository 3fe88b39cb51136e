// Package sensirion drives parts by Sensirion that take commands of two bytes:
// sensors of humidity, carbon dioxide and particles.
//
// All of them answer in words of two bytes with a checksum each, and do not
// acknowledge while they are busy. No command that stretches the clock is used:
// the controllers of some boards read wrong bits then.
package sensirion

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
)

// longest is how many words the longest answer has: the ten floats of an SPS30.
const longest = 20

// A device is a part's place on a bus, and how to speak to it.
type device struct {
	i2cbus.Dev
	drivers.Waiter
	buf [3 * longest]byte
}

// tell sends a command and its arguments, and waits until the part has done it.
func (d *device) tell(ctx context.Context, code uint16, wait time.Duration, args ...uint16) error {
	w := binary.BigEndian.AppendUint16(d.buf[:0], code)
	for _, a := range args {
		w = binary.BigEndian.AppendUint16(w, a)
		w = append(w, drivers.CRC8(w[len(w)-2:]))
	}
	if err := d.Write(ctx, w...); err != nil {
		return err
	}
	return d.Wait(ctx, wait)
}

// ask sends a command, waits and reads the words of the answer. The wait is
// between two transactions: others have the bus meanwhile.
func (d *device) ask(ctx context.Context, code uint16, wait time.Duration, words []uint16) error {
	if err := d.tell(ctx, code, wait); err != nil {
		return err
	}
	b := d.buf[:3*len(words)]
	if err := d.Read(ctx, b); err != nil {
		return err
	}
	return decode(b, words)
}

// word asks for a single word.
func (d *device) word(ctx context.Context, code uint16, wait time.Duration) (uint16, error) {
	var w [1]uint16
	err := d.ask(ctx, code, wait, w[:])
	return w[0], err
}

// decode takes the words out of an answer, all or none.
func decode(b []byte, words []uint16) error {
	if len(b) != 3*len(words) {
		return fmt.Errorf("%w: %d bytes for %d words", drivers.ErrNoReading, len(b), len(words))
	}
	for i := range words {
		if c := b[3*i : 3*i+3]; drivers.CRC8(c[:2]) != c[2] {
			return fmt.Errorf("%w in % x", drivers.ErrChecksum, b)
		}
	}
	for i := range words {
		words[i] = binary.BigEndian.Uint16(b[3*i:])
	}
	return nil
}

// A poll is how a part is asked whether it has measured.
type poll struct {
	code     uint16
	wait     time.Duration
	mask     uint16 // bits of the answer that say yes
	every    time.Duration
	patience time.Duration // how long a part that measures may say no
}

// until asks until the part says yes or patience is over.
func (d *device) until(ctx context.Context, p poll) error {
	for start := time.Now(); ; {
		w, err := d.word(ctx, p.code, p.wait)
		if err != nil {
			return err
		}
		if w&p.mask != 0 {
			return nil
		}
		if time.Since(start) >= p.patience {
			return fmt.Errorf("%w: none in %v", drivers.ErrNotReady, p.patience)
		}
		if err := d.Wait(ctx, p.every); err != nil {
			return err
		}
	}
}

// float returns the number that two words hold.
func float(w []uint16) float64 {
	return float64(math.Float32frombits(uint32(w[0])<<16 | uint32(w[1])))
}

// temperature returns the temperature, in °C, that a word stands for. A word at
// an end of the scale is no measurement.
func temperature(w uint16) (float64, error) {
	t := -45 + 175*float64(w)/math.MaxUint16
	return t, checkTemperature(t)
}

// checkTemperature refuses what is colder or hotter than any of the parts can
// be (datasheet of the SHT3x).
func checkTemperature(t float64) error {
	if err := drivers.Within(t, -40, 125); err != nil {
		return fmt.Errorf("temperature: %w", err)
	}
	return nil
}

// humidity returns the relative humidity, in %, that a word stands for.
func humidity(w uint16) float64 { return 100 * float64(w) / math.MaxUint16 }
