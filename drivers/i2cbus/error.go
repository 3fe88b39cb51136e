package i2cbus

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/lamppost-city/lamppost/agent"
)

// ErrorClass says what kind of thing went wrong, and so what helps.
type ErrorClass uint8

// The classes.
const (
	Other       ErrorClass = iota
	NoAck                  // nothing acknowledges the address: absent, busy or asleep
	Fault                  // a transfer was cut short or stretched too long
	Hung                   // the bus or its controller does not come back
	Arbitration            // another master or noise took the bus
	Busy                   // a kernel driver owns the address
	Gone                   // the controller was removed
	Usage                  // the transaction is not one the controller can do
	Permission             // the user may not use the bus
)

// classes by errno, with what to tell people. The errnos are those of Linux's
// I2C fault codes and of the bcm2835, designware and i2c-gpio controllers.
var classes = []struct {
	errno syscall.Errno
	class ErrorClass
	text  string
}{
	{syscall.EREMOTEIO, NoAck, "nothing acknowledges"},
	{syscall.ENXIO, NoAck, "nothing acknowledges"},
	{syscall.EIO, Fault, "transfer cut short"},
	{syscall.ETIMEDOUT, Hung, "the bus hangs"},
	{syscall.EAGAIN, Arbitration, "lost to another master"},
	{syscall.EBUSY, Busy, "a kernel driver uses it"},
	{syscall.ENODEV, Gone, "the controller is gone"},
	{syscall.EINVAL, Usage, "not possible on this controller"},
	{syscall.EOPNOTSUPP, Usage, "not possible on this controller"},
	{syscall.EACCES, Permission, "not allowed; add the user to group i2c"},
	{syscall.EPERM, Permission, "not allowed; add the user to group i2c"},
}

// An Error is a failed transaction. Where nothing acknowledged, it wraps
// [agent.ErrAbsent].
type Error struct {
	Class ErrorClass
	Bus   string
	Addr  uint16
	Err   error
}

// Error names the bus, the address and the cause.
func (e *Error) Error() string {
	text := e.Err.Error()
	for _, c := range classes {
		if c.class == e.Class && strings.HasSuffix(text, c.errno.Error()) {
			text = fmt.Sprintf("%s (%v)", c.text, c.errno)
			break
		}
	}
	return fmt.Sprintf("i2c %s address 0x%02x: %s", e.Bus, e.Addr, text)
}

// Unwrap returns the cause and, for NoAck, agent.ErrAbsent.
func (e *Error) Unwrap() []error {
	if e.Class == NoAck {
		return []error{e.Err, agent.ErrAbsent}
	}
	return []error{e.Err}
}

// Class returns the class of the first [*Error] in err's chain, else Other.
func Class(err error) ErrorClass {
	if err == nil {
		return Other
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Other
}

// Classify returns the class of an error of periph's bus.
func Classify(err error) ErrorClass { return Class(classify("", 0, err)) }

// classify turns an error of periph's bus into an *Error. periph does not wrap
// the errno, but ends its text with it, and that text is Go's own.
func classify(bus string, addr uint16, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, c := range classes {
		if errors.Is(err, c.errno) || strings.HasSuffix(text, c.errno.Error()) {
			return &Error{c.class, bus, addr, err}
		}
	}
	return &Error{Other, bus, addr, err}
}
