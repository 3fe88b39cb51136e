package boards

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// bcm is the GPIO block of a BCM2835 with a bus on lines 2 and 3, pulled up, and
// a part on it that holds SDA for a number of clocks.
type bcm struct {
	words  [1024]uint32
	clocks int
	others [2]uint32 // the functions of all other lines in the first words, to compare
}

func newBCM(clocks int) *bcm {
	b := &bcm{clocks: clocks}
	b.words[gpfsel/4] = 4<<6 | 4<<9 | 1<<12 | 2<<27 // ALT0 is 4; line 4 is an output
	b.words[gpfsel/4+1] = 4<<12 | 4<<15
	b.others = [2]uint32{b.words[gpfsel/4] &^ (7<<6 | 7<<9), b.words[gpfsel/4+1]}
	return b
}

func (b *bcm) low(line int) bool { return b.words[gpfsel/4]>>(3*line)&7 == functionOutput } // its latch is 0

func (b *bcm) load(offset int) uint32 {
	if offset != gplev {
		return b.words[offset/4]
	}
	level := ^uint32(0)
	if b.low(3) {
		level &^= 1 << 3
	}
	if b.low(2) || b.clocks > 0 {
		level &^= 1 << 2
	}
	return level
}

func (b *bcm) store(offset int, v uint32) {
	was := b.low(3)
	b.words[offset/4] = v
	if was && !b.low(3) {
		b.clocks--
	}
}

func TestWiresOfABus(t *testing.T) {
	chip := newBCM(4)
	wires, err := newBCMWires(chip, "GPIO3", "GPIO2")
	require.NoError(t, err)
	bus := i2cbus.New("1", hanging{chip})
	bus.RecoverBy(wires)

	err = bus.Dev(0x44).Write(t.Context(), 1)

	require.ErrorContains(t, err, "a part held SDA low; 4 of nine clocks freed it")
	assert.Equal(t, uint32(4<<6|4<<9), chip.words[gpfsel/4]&(7<<6|7<<9), "both are the controller's again")
	assert.Equal(t, chip.others, [2]uint32{chip.words[gpfsel/4] &^ (7<<6 | 7<<9), chip.words[gpfsel/4+1]}, "no other line was touched")
	assert.Equal(t, uint32(1<<2), chip.words[gpclr/4]&^(1<<3), "a latch that is high would short the part that pulls")
	assert.NoError(t, bus.Dev(0x45).Write(t.Context(), 1))
}

// hanging is the controller of a bus that hangs while its part holds SDA.
type hanging struct{ chip *bcm }

func (h hanging) Tx(uint16, []byte, []byte) error {
	if h.chip.clocks > 0 {
		return syscall.ETIMEDOUT
	}
	return nil
}
func (hanging) SetSpeed(physic.Frequency) error { return errors.ErrUnsupported }
func (hanging) String() string                  { return "1" }

var _ i2c.Bus = hanging{}

// shared are registers that two buses change at once; a processor does it so.
type shared struct{ words [1024]atomic.Uint32 }

func (s *shared) load(offset int) uint32 {
	v := s.words[offset/4].Load()
	runtime.Gosched() // whoever else has something to store may do so now
	return v
}

func (s *shared) store(offset int, v uint32) { s.words[offset/4].Store(v) }

// Two buses have their lines in one word, and hang at once when power drops.
func TestWiresOfTwoBuses(t *testing.T) {
	chip := new(shared)
	const functions = 4<<6 | 4<<9 | 1<<12 | 5<<15 | 5<<18
	chip.words[gpfsel/4].Store(functions)
	var wg sync.WaitGroup
	for _, lines := range [][2]string{{"GPIO3", "GPIO2"}, {"GPIO5", "GPIO6"}} {
		wires, err := newBCMWires(chip, lines[0], lines[1])
		require.NoError(t, err)
		wg.Go(func() {
			for range 1000 {
				if !assert.NoError(t, wires.Take(), "they are the controller's") {
					return
				}
				wires.Drive(gpio.Low, gpio.High)
				wires.Drive(gpio.High, gpio.High)
				wires.Give()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, uint32(functions), chip.words[gpfsel/4].Load())
}

// A line that is wrongly said to be a wire could be that of a lamp.
func TestWiresThatAreNone(t *testing.T) {
	for line, function := range map[string]uint32{"GPIO4": functionOutput, "GPIO5": functionInput} {
		chip := newBCM(4)
		before := chip.words
		wires, err := newBCMWires(chip, line, "GPIO2")
		require.NoError(t, err)
		require.Equal(t, function, wires.function(wires.scl))

		assert.ErrorContains(t, wires.Take(), line+" is no wire of a bus")
		assert.Equal(t, before, chip.words, "nothing was written")
	}
	for _, name := range []string{"", "GPIO54", "GPIO-1", "gpiochip0/3", "SCL"} {
		_, err := newBCMWires(newBCM(0), "GPIO3", name)
		assert.ErrorContains(t, err, "want GPIO0 to GPIO53", name)
	}
}

func TestMapRegisters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpiomem")
	image := make([]byte, gpioMemSize)
	binary.NativeEndian.PutUint32(image[0x34:], 0xcafe)
	require.NoError(t, os.WriteFile(path, image, 0o600))

	r, err := mapRegisters(path)
	require.NoError(t, err)
	assert.EqualValues(t, 0xcafe, r.load(gplev))
	r.store(gpclr, 0xbeef)

	image, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.EqualValues(t, 0xbeef, binary.NativeEndian.Uint32(image[0x28:]), "what is stored is there")
}

// This computer is no Raspberry Pi, or the test would take its wires.
func TestWiresOfNoPi(t *testing.T) {
	if _, err := os.Stat(gpioMemory); err == nil {
		t.Skip("this is a Raspberry Pi")
	}
	_, err := RaspberryPi.Wires("GPIO3", "2")
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "dtoverlay=i2c-gpio")
}
