package scan

import (
	"bytes"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/aht20"
	"github.com/lamppost-city/lamppost/drivers/bh1750"
	"github.com/lamppost-city/lamppost/drivers/bme280"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/ina219"
	"github.com/lamppost-city/lamppost/drivers/lm75"
	"github.com/lamppost-city/lamppost/drivers/sensirion"
	"github.com/lamppost-city/lamppost/drivers/sht4x"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/lamppost-city/lamppost/drivers/tmp117"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// put puts the simulated part of a driver on a host.
func put[S any](t *testing.T, host *sim.Host, d drivers.Driver, settings func(*S)) {
	t.Helper()
	c, err := d.Configure(func(into any) error { settings(into.(*S)); return nil })
	require.NoError(t, err)
	_, err = c.Open(host)
	require.NoError(t, err)
}

// look scans in a bubble of its own: waiting costs nothing.
func look(t *testing.T, o Options, prepare func(host *sim.Host)) (buses []Bus, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		prepare(host)
		time.Sleep(time.Second) // all are awake
		start := time.Now()
		buses = Scan(t.Context(), host, o)
		took = time.Since(start)
	})
	return buses, took
}

// summary is what a scan says, a line each.
func summary(buses []Bus) (all []string) {
	for _, b := range buses {
		for _, p := range b.Parts {
			all = append(all, fmt.Sprintf("%s %x %s %s%s%s", b.Bus, p.Address, p.Sure, p.Driver, p.Kernel, p.Sensor))
		}
	}
	return all
}

func TestScan(t *testing.T) {
	buses, took := look(t, Options{Bus: "1"}, func(h *sim.Host) {
		put(t, h, aht20.Driver, func(s *aht20.Settings) {})
		put(t, h, bh1750.Driver, func(s *bh1750.Settings) {})
		put(t, h, bme280.Driver, func(s *bme280.Settings) {})
		put(t, h, ina219.Driver, func(s *ina219.Settings) {})
		put(t, h, lm75.Driver, func(s *lm75.Settings) { s.Address, s.Part = 0x49, "tmp102" })
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) {})
		put(t, h, sht4x.Driver, func(s *sht4x.Settings) {})
		put(t, h, sensirion.SHT3x, func(s *sensirion.SHT3xSettings) { s.Address = 0x45 })
		put(t, h, sensirion.SHTC3, func(s *sensirion.SHTC3Settings) {})
		put(t, h, sensirion.SCD30, func(s *sensirion.SCD30Settings) {})
		put(t, h, sensirion.SEN5x, func(s *sensirion.SEN5xSettings) { s.Model = "sen55" })
		h.AddI2C("1", 0x20, &sim.Registers{})
		h.AddFile("sys/bus/i2c/devices/i2c-1/name", func() []byte { return []byte("bcm2835 (i2c@7e804000)\n") })
	})

	require.Len(t, buses, 1)
	assert.Empty(t, buses[0].Err)
	assert.Equal(t, "bcm2835 (i2c@7e804000)", buses[0].Name)
	assert.Equal(t, []string{
		"1 20 possible ", // an expander has no identity, and is not asked for one: which driver, a person knows
		"1 23 possible bh1750",
		"1 38 likely aht20",
		"1 40 likely ina219",
		"1 44 certain sht4x",
		"1 45 certain sht3x",
		"1 48 certain tmp117",
		"1 49 likely lm75",
		"1 61 certain scd30",
		"1 69 certain sen5x",
		"1 70 certain shtc3",
		"1 76 certain bme280",
	}, summary(buses))
	for _, p := range buses[0].Parts {
		switch p.Address {
		case 0x49:
			assert.Equal(t, "part = \"tmp102\"\n", p.Settings)
		case 0x69:
			assert.Equal(t, "model = \"sen55\"\n", p.Settings)
		case 0x76:
			assert.Equal(t, "register 0xd0: 60", p.Why)
		}
	}
	assert.Less(t, took, time.Second)
}

func TestScanBehindMultiplexers(t *testing.T) {
	buses, _ := look(t, Options{Bus: "1"}, func(h *sim.Host) {
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) {})
		put(t, h, sht4x.Driver, func(s *sht4x.Settings) { s.Bus = "1/mux@70/3" })
		put(t, h, sht4x.Driver, func(s *sht4x.Settings) { s.Bus = "1/mux@70/4" })
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) { s.Bus, s.Address = "1/mux@70/4/mux@76/7", 0x49 })
		put(t, h, bme280.Driver, func(s *bme280.Settings) { s.Address = 0x77 })
	})
	assert.Equal(t, []string{
		"1 48 certain tmp117", "1 70 certain ", "1 77 certain bme280",
		"1/mux@70/3 44 certain sht4x",
		"1/mux@70/4 44 certain sht4x", "1/mux@70/4 76 certain ",
		"1/mux@70/4/mux@76/7 49 certain tmp117",
	}, summary(buses), "what is on the trunk is not told again")
	assert.Len(t, buses, 1+8+8)
}

// Nobody writes to a part that may be something else, and nothing stays on.
func TestScanWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		mux := new(sim.Mux)
		host.AddI2C("1", 0x71, mux)
		for _, a := range []uint16{0x20, 0x27, 0x38, 0x40, 0x44, 0x50, 0x57, 0x62, 0x68, 0x69, 0x70, 0x76} {
			host.AddI2C("1", a, sim.NewRegisters(&sim.Registers{PowerOn: func(r *sim.Registers) {
				for i := range r.R {
					r.R[i] = byte(i * 3)
				}
			}}))
		}
		wrong := map[string]int{}
		host.SetFault(func(op sim.Op) error {
			expander := op.Addr >= 0x20 && op.Addr <= 0x27 || op.Addr >= 0x38 && op.Addr <= 0x3f || op.Addr >= 0x54 && op.Addr <= 0x57
			pointer := len(op.W) <= 1 || op.Err != nil || op.Addr == 0x69 || op.Addr == 0x61
			reserved := op.Bus == "1" && (op.Addr < 0x08 || op.Addr > 0x77)
			if expander && len(op.W) > 0 || !pointer || reserved {
				wrong[fmt.Sprintf("%02x: % x", op.Addr, op.W)]++
			}
			return op.Err
		})
		buses := Scan(t.Context(), host, Options{Bus: "1"})
		assert.Empty(t, wrong)
		assert.Zero(t, mux.On())
		for _, p := range buses[0].Parts {
			assert.NotEqualf(t, Likely, p.Sure, "no false name: %+v", p)
			assert.Equalf(t, p.Address == 0x71, p.Sure == Certain, "no false name: %+v", p)
		}
	})
}

// What the kernel or the agent uses is shown, and left alone.
func TestScanKernelAndSensor(t *testing.T) {
	asked := map[uint16]int{}
	buses, _ := look(t, Options{Bus: "1", Sensor: func(_ *i2cbus.Bus, a uint16) string {
		return map[uint16]string{0x44: "pole"}[a]
	}}, func(h *sim.Host) {
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) {})
		h.AddFile("sys/bus/i2c/devices/1-0068/uevent", func() []byte { return []byte("OF_NAME=rtc\nDRIVER=rtc-ds1307\n") })
		h.AddFile("sys/bus/i2c/devices/1-0048/uevent", func() []byte { return []byte("MODALIAS=i2c:tmp117\n") })
		h.AddFile("sys/bus/i2c/devices/1-0070/uevent", func() []byte { return []byte("DRIVER=pca954x\n") })
		h.AddFile("sys/bus/i2c/devices/1-0070/channel-0/name", func() []byte { return []byte("i2c-1-mux (chan_id 0)\n") })
		put(t, h, bme280.Driver, func(s *bme280.Settings) { s.Bus = "1/mux@70/0" })
		h.AddI2C("1", 0x44, &sim.Registers{})
		h.AddI2C("1", 0x68, &sim.Registers{})
		h.SetFault(func(op sim.Op) error { asked[op.Addr]++; return op.Err })
	})
	assert.Equal(t, []string{
		"1 44  pole", "1 48 certain tmp117", "1 68  rtc-ds1307", "1 70  pca954x", "1/mux@70/0 76 certain bme280",
	}, summary(buses))
	assert.Zero(t, asked[0x44])
	assert.Zero(t, asked[0x68])
	assert.Positive(t, asked[0x09])
}

// The kernel leaves the channel on that it used last: what is behind it answers on
// the bus as well.
func TestScanKernelLeavesChannelOn(t *testing.T) {
	var asked int
	buses, _ := look(t, Options{Bus: "1", Sensor: func(b *i2cbus.Bus, a uint16) string {
		if b.String() == "1/mux@70/0" && a == 0x49 {
			return "pole"
		}
		return ""
	}}, func(h *sim.Host) {
		mux := new(sim.Mux)
		h.AddI2C("1", 0x70, mux)
		h.AddFile("sys/bus/i2c/devices/1-0070/uevent", func() []byte { return []byte("DRIVER=pca954x\n") })
		for n := range 2 {
			h.AddFile(fmt.Sprintf("sys/bus/i2c/devices/1-0070/channel-%d/name", n), func() []byte { return nil })
		}
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) {})
		put(t, h, bme280.Driver, func(s *bme280.Settings) { s.Bus = "1/mux@70/0" })
		put(t, h, sht4x.Driver, func(s *sht4x.Settings) { s.Bus = "1/mux@70/0" })
		put(t, h, sht4x.Driver, func(s *sht4x.Settings) { s.Address = 0x45 })
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) { s.Bus, s.Address = "1/mux@70/0", 0x49 })
		require.NoError(t, mux.Write([]byte{1}))
		h.SetFault(func(op sim.Op) error {
			if op.Addr == 0x70 && len(op.W) == 1 && op.W[0] == 0 {
				_ = mux.Write([]byte{1})
			}
			if op.Addr == 0x49 && op.Err == nil {
				asked++
			}
			return op.Err
		})
	})
	assert.Equal(t, []string{
		"1 45 certain sht4x", "1 48 certain tmp117", "1 70  pca954x",
		"1/mux@70/0 44 certain sht4x", "1/mux@70/0 49  pole", "1/mux@70/0 76 certain bme280",
	}, summary(buses))
	assert.Zero(t, asked, "nor is a sensor of the agent asked there")
}

// A bus that does not work says so, once; a part that hangs does not hide others.
func TestScanTroubles(t *testing.T) {
	for _, tt := range []struct {
		fault func(sim.Op) error
		parts int
		err   string
	}{
		{func(sim.Op) error { return syscall.EACCES }, 0, "add the user to group i2c"},
		{func(sim.Op) error { return syscall.ETIMEDOUT }, 0, "the bus hangs"},
		{func(op sim.Op) error {
			if op.Addr == 0x30 {
				return syscall.ETIMEDOUT
			}
			return op.Err
		}, 1, ""},
		{func(op sim.Op) error {
			if op.Addr == 0x30 {
				return syscall.EIO
			}
			return op.Err
		}, 1, ""},
	} {
		n := 0
		buses, _ := look(t, Options{Bus: "1"}, func(h *sim.Host) {
			put(t, h, tmp117.Driver, func(s *tmp117.Settings) {})
			h.SetFault(func(op sim.Op) error {
				if op.Bus != "1" {
					return op.Err // a file
				}
				n++
				return tt.fault(op)
			})
		})
		assert.Len(t, buses[0].Parts, tt.parts)
		if tt.err == "" {
			assert.Empty(t, buses[0].Err)
			continue
		}
		assert.Contains(t, buses[0].Err, tt.err)
		assert.LessOrEqual(t, n, 2)
	}
	buses, _ := look(t, Options{Bus: "1/mux@1/1"}, func(*sim.Host) {})
	assert.Contains(t, buses[0].Err, "want address 70 to 77")
}

func TestAdapters(t *testing.T) {
	h := new(sim.Host)
	for n, name := range map[int]string{
		0: "bcm2835 (i2c@7e205000)", 1: "bcm2835 (i2c@7e804000)", 2: "bcm2835 (i2c@7e805000)", 4: "i2c-1-mux (chan_id 0)",
		5: "SMBus I801 adapter at f040", 20: "fef04500.i2c", 10: "i2c-gpio3", 13: "107d508200.i2c",
	} {
		h.AddFile(fmt.Sprintf("sys/bus/i2c/devices/i2c-%d/name", n), func() []byte { return []byte(name + "\n") })
	}
	h.AddFile("dev/i2c-1", func() []byte { return nil })
	h.AddFile("dev/i2c-7", func() []byte { return nil })
	var scanned, skipped []string
	for _, b := range Adapters(h.FS()) {
		if b.Skipped == "" {
			scanned = append(scanned, b.Bus)
		} else {
			skipped = append(skipped, b.Bus)
		}
	}
	assert.Equal(t, []string{"1", "7", "10"}, scanned)
	assert.Equal(t, []string{"0", "2", "5", "13", "20"}, skipped)
	assert.Empty(t, Adapters(new(sim.Host).FS()))
}

// A part whose registers happen to count is no multiplexer.
func TestMuxAnswersTwice(t *testing.T) {
	buses, _ := look(t, Options{Bus: "1"}, func(h *sim.Host) {
		h.AddI2C("1", 0x72, &sim.Registers{R: [256]byte{2: 1, 3: 2, 0x11: 0x10}})
	})
	require.Len(t, buses, 1)
	assert.Empty(t, buses[0].Parts[0].Chip)
}

// An expander answers its lines again and again.
func TestIsAHT20(t *testing.T) {
	frame := []byte{0x1c, 0x80, 0x00, 0x06, 0x66, 0x66}
	assert.True(t, isAHT20(append(frame, drivers.CRC8(frame))))
	for x := range 256 {
		assert.Falsef(t, isAHT20(bytes.Repeat([]byte{byte(x)}, 7)), "%02x", x)
	}
}

// A channel that another program left on hides nothing and shows nothing twice.
func TestMuxLeftOn(t *testing.T) {
	buses, _ := look(t, Options{Bus: "1"}, func(h *sim.Host) {
		mux := new(sim.Mux)
		h.AddI2C("1", 0x74, mux)
		put(t, h, tmp117.Driver, func(s *tmp117.Settings) { s.Bus = "1/mux@74/2" })
		require.NoError(t, mux.Write([]byte{4}))
	})
	assert.Equal(t, []string{"1 74 certain ", "1/mux@74/2 48 certain tmp117"}, summary(buses))
}

func TestIsClock(t *testing.T) {
	for _, tt := range []struct {
		b    []byte
		want bool
	}{
		{[]byte{0x53, 0x05, 0x14, 0x01, 0x07, 0x09, 0x20}, true}, // of a real one, 2020-09-07 14:05:53
		{[]byte{0x80, 0x00, 0x72, 0x01, 0x07, 0x09, 0x20}, true}, // stopped, after noon
		{[]byte{0, 0, 0, 0, 0, 0, 0}, false},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false},
		{[]byte{0x5a, 0x05, 0x14, 0x01, 0x07, 0x09, 0x20}, false},
		{[]byte{0x53, 0x05, 0x24, 0x01, 0x07, 0x13, 0x20}, false},
	} {
		assert.Equalf(t, tt.want, isClock(tt.b), "% x", tt.b)
	}
}

// The example of AN520, and calibrations that tell their model, or nothing.
func TestIsMS56(t *testing.T) {
	an520 := []byte("\x31\x32\x33\x34\x35\x36\x37\x38\x39\x40\x41\x42\x43\x44\x45\x0b")
	assert.True(t, isMS56(an520, 7))
	assert.False(t, isMS56(an520[:14], 0))
	bar30 := []byte("\x20\x00\x88\xa6\x8e\x00\x4f\x68\x57\x52\x68\x16\x66\x22")
	assert.True(t, isMS56(bar30, 0))
	assert.False(t, isMS56(append(bar30, 0, 0), 7))
	assert.Zero(t, number(bar30))
	for bit := range 8 * 14 {
		bar30[bit/8] ^= 1 << (bit % 8)
		assert.Falsef(t, isMS56(bar30, 0), "bit %d", bit)
		bar30[bit/8] ^= 1 << (bit % 8)
	}
	assert.Equal(t, uint16(0x1a), number([]byte{0xa3, 0x5f}))
	for b := range 256 {
		for word, n := range map[int]int{0: 14, 7: 16} {
			assert.Falsef(t, isMS56(bytes.Repeat([]byte{byte(b)}, n), word), "a part that answers %02x", b)
		}
	}
}

// An identity that several chips have, by their makers' headers, names all of them.
func TestRelatives(t *testing.T) {
	for _, tt := range []struct {
		address  uint16
		reg, id  byte
		relative string
	}{
		{0x5d, 0x0f, 0xb1, "LPS33HW"}, {0x5d, 0x0f, 0xb3, "LPS27HHW"}, {0x5c, 0x0f, 0xb4, "LPS28DFW"}, {0x19, 0x0f, 0x33, "LSM303AGR"}, {0x53, 0x00, 0xe5, "ADXL343"}, {0x30, 0x39, 0x10, "MMC5633"},
	} {
		buses, _ := look(t, Options{Bus: "1"}, func(host *sim.Host) {
			host.AddI2C("1", tt.address, sim.NewRegisters(&sim.Registers{PowerOn: func(r *sim.Registers) { r.R[tt.reg] = tt.id }}))
		})
		require.Len(t, buses[0].Parts, 1)
		assert.Contains(t, buses[0].Parts[0].Chip, tt.relative)
		assert.NotEmpty(t, buses[0].Parts[0].Driver, "which reads all of them")
	}
}

func TestRules(t *testing.T) {
	for _, r := range chips {
		assert.NotEmpty(t, r.addresses, r.chip)
		assert.Equal(t, r.sure == Possible, len(r.steps) == 0, r.chip)
		for _, s := range r.steps {
			assert.LessOrEqual(t, len(s.write), 2, r.chip)
			if len(s.write) == 2 {
				assert.Truef(t, r.quiet || r.eager && slices.Contains([]uint16{0x61, 0x69}, r.addresses[0]), "%s: a command may be a write to another part", r.chip)
			}
			if len(s.write) > 0 && !r.quiet {
				for _, a := range r.addresses {
					assert.Falsef(t, a >= 0x20 && a <= 0x27 || a >= 0x38 && a <= 0x3f || a >= 0x54 && a <= 0x57, "%s: expanders and memories", r.chip)
				}
			}
		}
	}
}

func FuzzFits(f *testing.F) {
	f.Add([]byte{0x53, 0x05, 0x14, 0x01, 0x07, 0x09, 0x20})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, 64)...)
		for _, r := range chips {
			for _, s := range r.steps {
				s.fits(b[:s.read])
			}
			if r.all != nil {
				r.all(b[:2*len(r.steps)])
			}
		}
	})
}
