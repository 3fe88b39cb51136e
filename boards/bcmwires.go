package boards

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"periph.io/x/conn/v3/gpio"
)

// gpioMemory is where the kernel of Raspberry Pi OS shows the GPIO registers of
// the BCM2835 and its successors to the group gpio; not those of a Pi 5, which
// are another chip's.
const gpioMemory = "/dev/gpiomem"

// Where the registers begin, words of 32 bits with one bit a line but for the
// functions, of three bits (BCM2835 ARM Peripherals, section 6.1; BCM2711 ARM
// Peripherals, section 5.2).
const (
	gpfsel = 0x00 // functions, ten lines a word
	gpclr  = 0x28 // a 1 makes the output low
	gplev  = 0x34 // levels

	functionInput  = 0
	functionOutput = 1

	bcmLines    = 54
	gpioMemSize = 4096
)

// registers are those of the GPIO block.
type registers interface {
	load(offset int) uint32
	store(offset int, v uint32)
}

// mapped are registers in memory.
type mapped []byte

func (m mapped) at(offset int) *uint32      { return (*uint32)(unsafe.Pointer(&m[offset])) }
func (m mapped) load(offset int) uint32     { return atomic.LoadUint32(m.at(offset)) }
func (m mapped) store(offset int, v uint32) { atomic.StoreUint32(m.at(offset), v) }

// mapRegisters maps the registers that a device shows, for as long as the
// process lives.
func mapRegisters(device string) (registers, error) {
	f, err := os.OpenFile(device, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, gpioMemSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", device, err)
	}
	return mapped(m), nil
}

// bcmWires are the wires of a bus on two lines of a BCM2835 or successor. It
// implements i2cbus.Wires: a line floats as an input and is pulled low as an
// output. The function that the controller has is put back after.
type bcmWires struct {
	registers
	scl, sda int       // line numbers
	saved    [2]uint32 // their functions, while they are taken
}

// newBCMWires returns the wires on two lines, "GPIO3" and "GPIO2".
func newBCMWires(r registers, scl, sda string) (*bcmWires, error) {
	w := &bcmWires{registers: r}
	for _, line := range []struct {
		name string
		into *int
	}{{scl, &w.scl}, {sda, &w.sda}} {
		n, err := strconv.Atoi(strings.TrimPrefix(line.name, "GPIO"))
		if err != nil || n < 0 || n >= bcmLines {
			return nil, fmt.Errorf("line %q: want GPIO0 to GPIO%d", line.name, bcmLines-1)
		}
		*line.into = n
	}
	return w, nil
}

// Levels implements i2cbus.Wires.
func (w *bcmWires) Levels() (scl, sda gpio.Level) { return w.level(w.scl), w.level(w.sda) }

func (w *bcmWires) level(line int) gpio.Level {
	return w.load(gplev+4*(line/32))>>(line%32)&1 != 0
}

// Take implements i2cbus.Wires. It refuses lines that no controller has.
func (w *bcmWires) Take() error {
	for i, line := range []int{w.scl, w.sda} {
		w.saved[i] = w.function(line)
		if w.saved[i] == functionInput || w.saved[i] == functionOutput {
			return fmt.Errorf("GPIO%d is no wire of a bus: its function is that of a plain line", line)
		}
	}
	for _, line := range []int{w.scl, w.sda} {
		w.store(gpclr+4*(line/32), 1<<(line%32)) // what an output of it will be
		w.setFunction(line, functionInput)
	}
	return nil
}

// Drive implements i2cbus.Wires.
func (w *bcmWires) Drive(scl, sda gpio.Level) {
	w.drive(w.scl, scl)
	w.drive(w.sda, sda)
}

func (w *bcmWires) drive(line int, level gpio.Level) {
	if level == gpio.Low {
		w.setFunction(line, functionOutput)
	} else {
		w.setFunction(line, functionInput)
	}
}

// Give implements i2cbus.Wires.
func (w *bcmWires) Give() {
	w.setFunction(w.scl, w.saved[0])
	w.setFunction(w.sda, w.saved[1])
}

func (w *bcmWires) function(line int) uint32 {
	return w.load(gpfsel+4*(line/10)) >> (3 * (line % 10)) & 7
}

// functions is held while a word of them is changed: another bus may have lines in
// it, and hang at the same time.
var functions sync.Mutex

// setFunction changes one of the ten functions in a word. The kernel does the
// same, and nothing keeps the two apart; it does so when a line is requested.
func (w *bcmWires) setFunction(line int, function uint32) {
	functions.Lock()
	defer functions.Unlock()
	shift := 3 * (line % 10)
	word := gpfsel + 4*(line/10)
	w.store(word, w.load(word)&^(7<<shift)|function<<shift)
}
