//go:build system

package virtualpi

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Lines is the number of simulated GPIO lines, named SIM0, SIM1 and so on.
const Lines = 8

// GPIOChip returns the device node of the chip with the simulated lines, such as
// /dev/gpiochip2.
func (m *Machine) GPIOChip(ctx context.Context) (string, error) {
	node, err := m.Run(ctx, "readlink /run/gpiochip")
	return strings.TrimSpace(node), err
}

// SetLine drives a simulated line from outside.
func (m *Machine) SetLine(ctx context.Context, line int, high bool) error {
	pull := "pull-down"
	if high {
		pull = "pull-up"
	}
	_, err := m.Run(ctx, "echo "+pull+" >"+lineFile(line, "pull"))
	return err
}

// Line returns the level of a simulated line, whoever drives it.
func (m *Machine) Line(ctx context.Context, line int) (high bool, err error) {
	value, err := m.Run(ctx, "cat "+lineFile(line, "value"))
	return strings.TrimSpace(value) == "1", err
}

// Pulse takes a simulated line n times to the other level and back, and returns
// when it is done. A period is some milliseconds longer than asked for. The
// simulated chip loses edges before the kernel counts them when they are close:
// a few in a thousand at 5 ms. Of edges 20 ms apart (a period of 40 ms) none was
// lost, even on a busy machine.
func (m *Machine) Pulse(ctx context.Context, line, n int, period time.Duration) error {
	_, err := m.Run(ctx, fmt.Sprintf("bench pulse %s %d %v", lineFile(line, "pull"), n, period))
	return err
}

// lineFile returns the path inside of a file about a simulated line.
func lineFile(line int, name string) string {
	return fmt.Sprintf("/run/lines/sim_gpio%d/%s", line, name)
}
