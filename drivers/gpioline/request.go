package gpioline

import (
	"errors"
	"os"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// eventBuffer is how many edges the kernel keeps for us, its maximum: 10 s at
// 100 Hz. What does not fit is still counted, in Seq.
const eventBuffer = 1024

// taken is a line that the kernel has given us, until it is closed.
type taken struct {
	fd     uintptr
	file   *os.File      // of the same descriptor
	ended  chan struct{} // closed when its events are no longer read; nil if they never were
	failed error         // why, once ended is closed
}

// take takes a line and, if handle is not nil, reads its events.
func take(chip string, offset int, config uapi.LineConfig, handle func(Event)) (*taken, error) {
	device, err := os.Open("/dev/" + chip)
	if err != nil {
		return nil, err
	}
	request := uapi.LineRequest{Config: config, Lines: 1}
	if handle != nil {
		request.EventBufferSize = eventBuffer
	}
	request.Offsets[0] = uint32(offset)
	copy(request.Consumer[:], "lamppost")
	if err = uapi.GetLine(device.Fd(), &request); err == nil {
		err = unix.SetNonblock(int(request.Fd), true) // a read that close ends
	}
	if err = errors.Join(err, device.Close()); err != nil {
		return nil, err
	}
	fd := uintptr(request.Fd)
	t := &taken{fd: fd, file: os.NewFile(fd, chip)}
	if handle != nil {
		t.ended = make(chan struct{})
		go t.read(handle)
	}
	return t, nil
}

func (t *taken) read(handle func(Event)) {
	defer close(t.ended)
	t.failed = Read(t.file, handle)
}

// close gives the line back. No event is handled after it.
func (t *taken) close() error {
	err := t.file.Close()
	if t.ended != nil {
		<-t.ended
	}
	return err
}

// level reads the line. It fails, too, when its events are no longer read.
func (t *taken) level() (gpio.Level, error) {
	select {
	case <-t.ended:
		return gpio.Low, t.failed
	default:
	}
	values := uapi.LineValues{Mask: 1}
	err := uapi.GetLineValuesV2(t.fd, &values)
	return values.Bits&1 != 0, err
}

// set drives the line, an output.
func (t *taken) set(level gpio.Level) error {
	return uapi.SetLineValuesV2(t.fd, uapi.LineValues{Mask: 1, Bits: bits(level)})
}

func bits(level gpio.Level) uapi.LineBitmap {
	if level {
		return 1
	}
	return 0
}

// input returns the configuration of an input.
func input(o Options) uapi.LineConfig {
	config := uapi.LineConfig{Flags: uapi.LineFlagV2Input}
	switch o.Pull {
	case gpio.PullUp:
		config.Flags |= uapi.LineFlagV2BiasPullUp
	case gpio.PullDown:
		config.Flags |= uapi.LineFlagV2BiasPullDown
	case gpio.Float:
		config.Flags |= uapi.LineFlagV2BiasDisabled
	}
	switch o.Edge {
	case gpio.RisingEdge:
		config.Flags |= uapi.LineFlagV2EdgeRising
	case gpio.FallingEdge:
		config.Flags |= uapi.LineFlagV2EdgeFalling
	case gpio.BothEdges:
		config.Flags |= uapi.LineFlagV2EdgeBoth
	}
	if o.Debounce > 0 {
		attribute(&config, uapi.DebouncePeriod(o.Debounce).Encode())
	}
	return config
}

// output returns the configuration of an output that has the level from the start.
func output(level gpio.Level) uapi.LineConfig {
	config := uapi.LineConfig{Flags: uapi.LineFlagV2Output}
	attribute(&config, uapi.OutputValues(bits(level)).Encode())
	return config
}

func attribute(config *uapi.LineConfig, attr uapi.LineAttribute) {
	config.Attrs[config.NumAttrs] = uapi.LineConfigAttribute{Attr: attr, Mask: 1}
	config.NumAttrs++
}
