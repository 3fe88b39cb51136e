package gpioline

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's events (linux/gpio.h, struct gpio_v2_line_event): nanoseconds of
// CLOCK_MONOTONIC, what happened, offset, number within the request, number
// within the line, and 24 bytes of padding.
const (
	eventSize  = 48
	eventStamp = 0
	eventID    = 8 // 1 for a rising edge, 2 for a falling one
	eventSeq   = 20

	rising = 1

	// readEvents is how many events one read takes at most.
	readEvents = 64
)

// Read hands the edges of a stream of kernel events to handle, one after the
// other, until the stream ends. It returns why it ended, never nil.
func Read(stream io.Reader, handle func(Event)) error {
	var b [readEvents * eventSize]byte
	for {
		n, err := stream.Read(b[:])
		zero := zeroTime()
		for at := 0; at+eventSize <= n; at += eventSize {
			event := b[at : at+eventSize]
			handle(Event{
				Time:   zero.Add(time.Duration(binary.NativeEndian.Uint64(event[eventStamp:]))),
				Seq:    binary.NativeEndian.Uint32(event[eventSeq:]),
				Rising: binary.NativeEndian.Uint32(event[eventID:]) == rising,
			})
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if n%eventSize != 0 {
			return fmt.Errorf("read events: %d bytes, events have %d", n, eventSize)
		}
	}
}

// zeroTime returns when CLOCK_MONOTONIC was 0, as a time that keeps a monotonic
// reading. Kernels before 5.7 stamp by the wall clock; version 2 of the uAPI came
// after them.
func zeroTime() time.Time {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // every Linux has it
	return time.Now().Add(-time.Duration(ts.Nano()))
}
