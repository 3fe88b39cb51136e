package drivers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lamppost-city/lamppost/drivers/serialline"
)

// Serial is the place of a part on a serial line: settings that a driver of such
// a part embeds.
type Serial struct {
	Port string `doc:"serial port: \"/dev/serial0\" on the header of a Raspberry Pi, \"/dev/ttyUSB0\""`
}

// Validate rejects a missing port.
func (s Serial) Validate() error {
	if s.Port == "" {
		return errors.New("port: want the serial port, as \"/dev/serial0\"")
	}
	return nil
}

// Listen opens the port at a speed in baud, lets hear read from it, and closes
// it: what a part sent before is not heard. Reads end with
// [os.ErrDeadlineExceeded] after the timeout, or when ctx is done, whose error is
// then returned.
func (s Serial) Listen(ctx context.Context, host Host, baud int, timeout time.Duration, hear func(serialline.Port) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	port, err := host.Serial(s.Port, baud)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, port.Close()) }()
	end := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	if err := port.SetReadDeadline(end); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = port.SetReadDeadline(time.Now()) }) // ends the read
	defer stop()
	if err = hear(port); errors.Is(err, os.ErrDeadlineExceeded) {
		if d, ok := ctx.Deadline(); ctx.Err() != nil || ok && !time.Now().Before(d) {
			return errors.Join(context.Cause(ctx), context.DeadlineExceeded)
		}
		return fmt.Errorf("%w: serial %s: %w", ErrNotReady, s.Port, err)
	}
	return err
}
