package gpioline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/warthog618/go-gpiocdev"
	"github.com/warthog618/go-gpiocdev/uapi"
	"periph.io/x/conn/v3/gpio"
)

// Line is a line of a Linux GPIO character device, uAPI version 2 (Linux 5.10).
// It takes the line from the kernel when it is first used. It implements [Pin].
type Line struct {
	name string

	mu      sync.Mutex
	got     *taken // nil while it is not ours
	offset  int    // on its chip, while it is ours
	pull    gpio.Pull
	output  bool       // it drives the line; level is what it wrote
	level   gpio.Level // of an output; reading it back would make it an input
	waiting chan struct{}
}

// New returns the line with a name: the one the device tree gives it ("GPIO17"),
// or chip and offset ("gpiochip2/3"). It touches no hardware.
func New(name string) *Line {
	return &Line{name: name, waiting: make(chan struct{}, 1)}
}

// String returns the line's name.
func (l *Line) String() string { return l.name }

// Watch implements Pin. The kernel debounces: a time below its tick, 4 ms or
// 10 ms, is rounded up to one.
func (l *Line) Watch(o Options, handle func(Event)) (Watch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.request(input(o), handle); err != nil {
		return nil, err
	}
	l.pull = o.Pull
	return &watch{l}, nil
}

type watch struct{ l *Line }

// Level implements Watch.
func (w *watch) Level() (gpio.Level, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	return w.l.value()
}

// Close implements Watch.
func (w *watch) Close() error { return w.l.Halt() }

// request takes the line from the kernel, after giving up what it had of it.
func (l *Line) request(config uapi.LineConfig, handle func(Event)) error {
	if err := l.release(); err != nil {
		return err
	}
	chip, offset, err := find(l.name)
	if err != nil {
		return err
	}
	got, err := take(chip, offset, config, handle)
	switch {
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("line %s: in use%s", l.name, consumer(chip, offset))
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("line %s: %w; add the user to group gpio", l.name, err)
	case err != nil:
		return fmt.Errorf("line %s: %w", l.name, err)
	}
	l.got, l.offset = got, offset
	return nil
}

func (l *Line) release() error {
	if l.got == nil {
		return nil
	}
	err := l.got.close()
	l.got, l.output = nil, false
	return err
}

// value reads the line, or says what an output was set to.
func (l *Line) value() (gpio.Level, error) {
	if l.output {
		return l.level, nil
	}
	if l.got == nil {
		return gpio.Low, fmt.Errorf("line %s: not requested", l.name)
	}
	level, err := l.got.level()
	if err != nil {
		return gpio.Low, fmt.Errorf("line %s: read: %w", l.name, err)
	}
	return level, nil
}

// find returns the chip and the offset a name stands for.
func find(name string) (chip string, offset int, err error) {
	if name == "" { // lines without a name have this one
		return "", 0, errors.New("line without a name")
	}
	if chip, number, ok := strings.Cut(name, "/"); ok {
		offset, err := strconv.Atoi(number)
		if err != nil {
			return "", 0, fmt.Errorf("line %q: want a name or a chip and a number, as gpiochip0/17", name)
		}
		return chip, offset, nil
	}
	chip, offset, err = gpiocdev.FindLine(name)
	if err != nil {
		return "", 0, fmt.Errorf("no line %q on any gpiochip", name)
	}
	return chip, offset, nil
}

// consumer says who holds a line, as " by ...", if that is known.
func consumer(chip string, offset int) string {
	c, err := gpiocdev.NewChip(chip)
	if err != nil {
		return ""
	}
	defer c.Close()
	info, err := c.LineInfo(offset)
	if err != nil || info.Consumer == "" {
		return ""
	}
	return " by " + info.Consumer
}
