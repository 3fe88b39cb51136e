package boards

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/serialline"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/host/v3/sysfs"
)

// Linux is any computer whose kernel shows its buses and lines.
var Linux = Board{
	Name:    "linux",
	Summary: "any Linux computer with /dev/i2c-* or /dev/gpiochip*",
	Detect: func(root fs.FS) bool {
		buses, _ := fs.Glob(root, "dev/i2c-*") // the pattern is right
		chips, _ := fs.Glob(root, "dev/gpiochip*")
		return len(buses)+len(chips) > 0
	},
	Open: func() drivers.Host { return &linuxHost{} },
}

// linuxHost finds buses and lines in /dev. Nothing is opened before it is used.
type linuxHost struct {
	defaultI2C string              // the bus for "", or "" if it must be named
	advice     string              // what to do when a bus is missing
	lineName   func(string) string // what people call a line, as the kernel does; may be nil

	mu    sync.Mutex
	buses map[int]*i2cbus.Bus
}

// I2C implements drivers.Host. It knows "1", "i2c-1", "I2C1" and "/dev/i2c-1",
// and each with channels of multiplexers after it. Where the kernel drives a
// multiplexer, the bus that it made of the channel is the branch.
func (h *linuxHost) I2C(name string) (*i2cbus.Bus, error) {
	trunk, channels, err := i2cbus.ParsePath(name)
	if err != nil {
		return nil, err
	}
	if trunk == "" {
		trunk = h.defaultI2C
	}
	number, err := busNumber(trunk)
	if err != nil {
		return nil, err
	}
	number, channels = kernelBranch(h.FS(), number, channels)
	return h.bus(number).Behind(channels...), nil
}

// kernelBranch goes the way through the channels as far as the kernel drives the
// multiplexers, and returns the bus where that ends and the channels that are
// left.
func kernelBranch(root fs.FS, number int, channels []i2cbus.Channel) (int, []i2cbus.Channel) {
	for i, c := range channels {
		link := fmt.Sprintf("sys/bus/i2c/devices/%d-%04x/channel-%d", number, c.Mux, c.Number)
		target, err := fs.ReadLink(root, link) // to ../i2c-1/i2c-5
		if err != nil {
			return number, channels[i:]
		}
		branch, err := busNumber(path.Base(target))
		if err != nil {
			return number, channels[i:]
		}
		number = branch
	}
	return number, nil
}

// bus returns the bus with a number, the same one each time.
func (h *linuxHost) bus(number int) *i2cbus.Bus {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.buses == nil {
		h.buses = make(map[int]*i2cbus.Bus)
	}
	b, ok := h.buses[number]
	if !ok {
		b = i2cbus.New(strconv.Itoa(number), &i2cDevice{number: number, advice: h.advice})
		h.buses[number] = b
	}
	return b
}

// busNumber returns the number in a bus's name.
func busNumber(name string) (int, error) {
	number, err := strconv.Atoi(i2cbus.ShortName(name))
	if err != nil || number < 0 {
		return 0, fmt.Errorf("i2c bus %q: want a number, as bus = \"1\"", name)
	}
	return number, nil
}

// Line implements drivers.Host.
func (h *linuxHost) Line(name string) (gpioline.Pin, error) {
	if h.lineName != nil {
		name = h.lineName(name)
	}
	return gpioline.New(name), nil
}

// Lines tells about all lines of the computer, for a scan.
func (h *linuxHost) Lines() ([]gpioline.Info, error) { return gpioline.List() }

// FreeBytes returns how much of a file system ordinary users can still use.
func (h *linuxHost) FreeBytes(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// Serial implements drivers.Host.
func (h *linuxHost) Serial(device string, baud int) (serialline.Port, error) {
	return serialline.Open(device, baud)
}

// FS implements drivers.Host.
func (h *linuxHost) FS() fs.FS { return os.DirFS("/") }

// i2cDevice opens its bus when it is first used, and again after it was gone.
// i2cbus gives it one transaction at a time. It implements i2c.Bus.
type i2cDevice struct {
	number int
	advice string
	bus    *sysfs.I2C
}

func (d *i2cDevice) String() string { return strconv.Itoa(d.number) }

// SetSpeed fails: the speed is set in the device tree.
func (d *i2cDevice) SetSpeed(physic.Frequency) error {
	return errors.New("the speed of an i2c bus is set in the device tree")
}

// Tx implements i2c.Bus.
func (d *i2cDevice) Tx(addr uint16, w, r []byte) error {
	if d.bus == nil {
		bus, err := sysfs.NewI2C(d.number)
		if err != nil {
			return d.explain(err)
		}
		d.bus = bus
	}
	err := d.bus.Tx(addr, w, r)
	if i2cbus.Classify(err) == i2cbus.Gone {
		err = errors.Join(err, d.bus.Close())
		d.bus = nil
	}
	return err
}

// explain says what is there, when a bus does not open.
func (d *i2cDevice) explain(err error) error {
	device := "/dev/i2c-" + strconv.Itoa(d.number)
	if _, missing := os.Stat(device); missing == nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	there, _ := filepath.Glob("/dev/i2c-*") // the pattern is right
	slices.Sort(there)
	if len(there) == 0 {
		return fmt.Errorf("no %s, nor any other i2c bus%s", device, d.advice)
	}
	return fmt.Errorf("no %s; there is %s", device, strings.Join(there, ", "))
}
