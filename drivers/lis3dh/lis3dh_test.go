package lis3dh

import (
	"encoding/binary"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrivers(t *testing.T) {
	for name, test := range map[string]func(t *testing.T){
		"lis3dh":  func(t *testing.T) { drivertest.Run[Settings](t, Driver) },
		"adxl345": func(t *testing.T) { drivertest.Run[ADXL345Settings](t, ADXL345) },
		"on its side": func(t *testing.T) {
			drivertest.Run(t, Driver, func(s *Settings) { s.Address, s.Up = 0x19, "-x" })
		},
	} {
		t.Run(name, test)
	}
	for _, d := range []drivers.Driver{Driver, ADXL345} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

var both = map[string]struct {
	chip chip
	open func(h drivers.Host) (agent.Sensor, error)
}{
	"lis3dh": {chipLIS3DH, func(h drivers.Host) (agent.Sensor, error) { return openLIS3DH(h, Driver.Defaults().(Settings)) }},
	"adxl345": {chipADXL345, func(h drivers.Host) (agent.Sensor, error) {
		return openADXL345(h, ADXL345.Defaults().(ADXL345Settings))
	}},
}

// level is what a part feels that is flat and still.
func level(time.Time) (along, across float64) { return 1, 0 }

// steady returns a burst of the same sample, in codes.
func steady(c chip, x, y, z int16) *burst {
	b := new(burst)
	for i := range b {
		for axis, code := range []int16{x, y, z} {
			binary.LittleEndian.PutUint16(b[i][2*axis:], uint16(code<<c.shift))
		}
	}
	return b
}

// LIS3DH, table 4: 1 mg a step; ADXL345, table 1: 256 steps a g. One g is 9.80665
// m/s².
func TestDecode(t *testing.T) {
	tests := []struct {
		name       string
		chip       chip
		x, y, z    int16
		up         string
		mean, tilt float64 // of z
	}{
		{"flat", chipLIS3DH, 0, 0, 1000, "z", 9.80665, 0},
		{"0x4000 is 1024 mg", chipLIS3DH, 0, 0, 0x4000 >> 4, "z", 10.04201, 0},
		{"upside down", chipLIS3DH, 0, 0, -1000, "z", -9.80665, 180},
		{"meant so", chipLIS3DH, 0, 0, -1000, "-z", -9.80665, 0},
		{"on its side", chipLIS3DH, 1000, 0, 0, "z", 0, 90},
		{"x is up", chipLIS3DH, 1000, 0, 0, "x", 0, 0},
		{"-y is up", chipLIS3DH, 0, -1000, 0, "-y", 0, 0},
		{"a degree", chipLIS3DH, 17, 0, 1000, "z", 9.80665, 0.9739},
		{"45 degrees to both sides", chipLIS3DH, -500, 500, 707, "z", 6.93330, 45.0043},
		{"flat", chipADXL345, 0, 0, 256, "z", 9.80665, 0},
		{"60 degrees", chipADXL345, 0, 222, 128, "z", 4.90333, 60.0333},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := steady(tt.chip, tt.x, tt.y, tt.z).decode(tt.chip, ups[tt.up])
			require.NoError(t, err)
			assert.InDelta(t, tt.mean, m.mean[2], 1e-5)
			assert.InDelta(t, tt.tilt, m.tilt, 1e-3)
			assert.Zero(t, m.vibration)
			assert.False(t, m.saturated)
		})
	}
}

func TestVibration(t *testing.T) {
	for name, both := range both {
		b := steady(both.chip, 0, 0, int16(both.chip.perG))
		for i := range b { // ±0.1 g in x by turns, as a square wave: 0.1 g
			code := int16(both.chip.perG / 10)
			if i%2 == 0 {
				code = -code
			}
			binary.LittleEndian.PutUint16(b[i][0:], uint16(code<<both.chip.shift))
		}
		m, err := b.decode(both.chip, ups["z"])
		require.NoError(t, err)
		assert.InDelta(t, 0.980665, m.vibration, 0.025, name)
		assert.InDelta(t, 0, m.tilt, 1e-6, "it does not lean")

		binary.LittleEndian.PutUint16(b[7][4:], uint16(both.chip.highest<<both.chip.shift))
		m, err = b.decode(both.chip, ups["z"])
		require.NoError(t, err)
		for _, r := range m.results(nil) {
			assert.Equal(t, agent.Saturated, r.Quality, "a knock beyond the range")
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, both := range both {
		g := int16(both.chip.perG)
		for what, b := range map[string]*burst{
			"falls": steady(both.chip, 0, 0, 0), "too little": steady(both.chip, 0, 0, g*6/10), "too much": steady(both.chip, g, g, g),
		} {
			_, err := b.decode(both.chip, ups["z"])
			assert.ErrorIs(t, err, errGravity, "%s: %s", name, what)
		}
	}
	_, err := steady(chipADXL345, 0, 512, 256).decode(chipADXL345, ups["z"])
	assert.ErrorIs(t, err, drivers.ErrRange, "more than 10 bits")
	_, err = steady(chipADXL345, 0, -513, 256).decode(chipADXL345, ups["z"])
	assert.ErrorIs(t, err, drivers.ErrRange)
}

// The parts feel one after the other what the post does.
func TestObserve(t *testing.T) {
	for name, both := range both {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host, lean := new(sim.Host), 0.0
				address := map[string]uint16{"lis3dh": 0x18, "adxl345": 0x53}[name]
				host.AddI2C("1", address, newPart(both.chip, ups["z"], func(at time.Time) (float64, float64) {
					shake := 0.05 * math.Sin(2*math.Pi*12.5*float64(at.UnixNano()%int64(time.Second))/1e9)
					return math.Cos(lean), math.Sin(lean) + shake
				}))
				s, err := both.open(host)
				require.NoError(t, err)
				for _, degrees := range []float64{0, 5, 90} {
					lean = degrees * math.Pi / 180
					start := time.Now()
					got, err := s.Observe(t.Context(), nil)
					require.NoError(t, err)
					require.Len(t, got, 5)
					assert.InDelta(t, math.Sin(lean)*standardGravity, got[1].Value, 0.05, "y")
					assert.InDelta(t, 0, got[0].Value, 0.001, "x")
					assert.InDelta(t, math.Cos(lean)*standardGravity, got[2].Value, 0.05, "z")
					assert.InDelta(t, degrees, got[3].Value, 0.3)
					assert.InDelta(t, 0.05/math.Sqrt2*standardGravity, got[4].Value, 0.02)
					assert.Less(t, time.Since(start), time.Second)
					time.Sleep(time.Minute)
				}
			})
		})
	}
}

// Each setting that is lost is noticed, and made again.
func TestBrownOut(t *testing.T) {
	for name, both := range both {
		for _, set := range append([]setting{{both.chip.queueControl, 0}}, both.chip.settings...) {
			synctest.Test(t, func(t *testing.T) {
				host := new(sim.Host)
				p := newPart(both.chip, ups["z"], level)
				host.AddI2C("1", map[string]uint16{"lis3dh": 0x18, "adxl345": 0x53}[name], p)
				s, err := both.open(host)
				require.NoError(t, err)
				_, err = s.Observe(t.Context(), nil)
				require.NoError(t, err)
				host.SetFault(func(op sim.Op) error {
					if p.taken == samples {
						p.r[set.register] ^= 0x03
						host.SetFault(nil)
					}
					return op.Err
				})
				got, err := s.Observe(t.Context(), nil)
				assert.ErrorIs(t, err, drivers.ErrBrownOut, "%s: register %#02x", name, set.register)
				assert.Empty(t, got)
				_, err = s.Observe(t.Context(), nil)
				assert.NoError(t, err)
			})
		}
	}
}

// A queue that does not fill is waited for, not for ever.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		p := newPart(chipADXL345, ups["z"], level)
		host.AddI2C("1", 0x53, p)
		slow := 5 * period // a clock that is late
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 2 && op.W[1] == queueOnce {
				p.since = p.since.Add(slow)
			}
			return op.Err
		})
		s, err := both["adxl345"].open(host)
		require.NoError(t, err)
		_, err = s.Observe(t.Context(), nil)
		assert.NoError(t, err)
		slow = time.Minute
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrNotReady)
		assert.Empty(t, got)
	})
}

func TestAnotherPart(t *testing.T) {
	_, err := drivertest.Answers[Settings](t, Driver, map[byte][]byte{0x0f: {0x44}}) // LIS2DW12
	assert.ErrorIs(t, err, drivers.ErrIdentity)
	_, err = drivertest.Answers[ADXL345Settings](t, ADXL345, map[byte][]byte{0x00: {0xf2}}) // ADXL362
	assert.ErrorIs(t, err, drivers.ErrIdentity)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0x80, 0x3e}, []byte{0, 0, 0, 0, 0, 0x40}, true)
	f.Add([]byte{0, 0, 0, 0, 0, 1}, []byte{0xff, 0x01, 0, 0, 0, 1}, false)
	f.Fuzz(func(t *testing.T, first, others []byte, st bool) {
		b, c := new(burst), chipADXL345
		if st {
			c = chipLIS3DH
		}
		copy(b[0][:], first)
		for i := range b[1:] {
			copy(b[i+1][:], others)
		}
		m, err := b.decode(c, ups["y"])
		if err != nil {
			return
		}
		assert.True(t, 0 <= m.tilt && m.tilt <= 180, m)
		assert.True(t, 0 <= m.vibration && m.vibration < 4*standardGravity, m)
		for _, v := range m.mean {
			assert.LessOrEqual(t, math.Abs(v), mostGravity*standardGravity)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	x := steady(chipLIS3DH, 17, 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = x.decode(chipLIS3DH, ups["z"])
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x17: false, 0x18: true, 0x19: true, 0x1a: false} {
		err := Settings{drivers.I2C{Address: address}, Mounting{"z"}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	for address, ok := range map[uint16]bool{0x1c: false, 0x1d: true, 0x53: true, 0x54: false} {
		err := ADXL345Settings{drivers.I2C{Address: address}, Mounting{"-y"}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x18}, Mounting{"up"}}.Validate(), `up "up"`)
	assert.ErrorContains(t, ADXL345Settings{drivers.I2C{Address: 0x53}, Mounting{}}.Validate(), `up ""`)
}
