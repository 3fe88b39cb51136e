package lsm303mag

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/drivertest"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/i2c/i2ctest"
)

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	t.Run("HMC5883L", func(t *testing.T) { drivertest.Run(t, Driver, func(s *Settings) { s.Part = "hmc5883l" }) })
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// observe reads a part that answers like this.
func observe(t *testing.T, identity, status, data, config string) (results []agent.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x1e, W: []byte{0x0a}, R: []byte(identity)},
			{Addr: 0x1e, W: []byte{0x00, 0x1c}},
			{Addr: 0x1e, W: []byte{0x01, 0x20}},
			{Addr: 0x1e, W: []byte{0x02, 0x01}},
			{Addr: 0x1e, W: []byte{0x09}, R: []byte(status[:1])},
			{Addr: 0x1e, W: []byte{0x09}, R: []byte(status[1:])},
			{Addr: 0x1e, W: []byte{0x03}, R: []byte(data)},
			{Addr: 0x1e, W: []byte{0x00}, R: []byte(config)},
		}}
		s := &sensor{part: parts["lsm303dlhc"], dev: i2cbus.New("1", bus).Dev(0x1e)}
		results, err = s.Observe(t.Context(), nil)
		if err == nil {
			require.NoError(t, bus.Close(), "every expected transaction took place")
		}
	})
	return results, err
}

// Datasheet, "Gain setting": 1100 steps a gauss in x and y, 980 in z, and 1 gauss is
// 100 µT. The order of the registers is x, z, y.
func TestObserve(t *testing.T) {
	tests := []struct {
		name    string
		data    string
		x, y, z float64
	}{
		{"one gauss", "\x04\x4c\x03\xd4\x04\x4c", 100, 100, 100},
		{"minus one gauss", "\xfb\xb4\xfc\x2c\xfb\xb4", -100, -100, -100},
		{"each its own", "\x00\x0b\x00\x62\xff\xea", 1, -2, 10},
		{"none", "\x00\x00\x00\x00\x00\x00", 0, 0, 0},
		{"the ends", "\x07\xff\xf8\x00\xf8\x00", 2047 / 11.0, -2048 / 11.0, -2048 / 9.8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, "H43", "\x00\x03", tt.data, "\x1c\x20")

			require.NoError(t, err)
			require.Len(t, got, 3)
			for i, want := range []agent.Result{
				{Property: agent.MagneticX, Value: tt.x},
				{Property: agent.MagneticY, Value: tt.y},
				{Property: agent.MagneticZ, Value: tt.z},
			} {
				assert.Equal(t, want.Property, got[i].Property)
				assert.InDelta(t, want.Value, got[i].Value, 1e-9, want.Property.Name)
			}
		})
	}
}

func TestObserveRefuses(t *testing.T) {
	const good = "\x04\x4c\x03\xd4\x04\x4c"
	tests := []struct {
		name                   string
		identity, data, config string
		want                   error
	}{
		{"another part", "H42", good, "\x1c\x20", drivers.ErrIdentity},
		{"no part", "\xff\xff\xff", good, "\x1c\x20", drivers.ErrIdentity},
		{"rate lost", "H43", good, "\x10\x20", drivers.ErrBrownOut},
		{"gain lost", "H43", good, "\x1c\x40", drivers.ErrBrownOut},
		{"13 bits", "H43", "\x04\x4c\x08\x00\x04\x4c", "\x1c\x20", drivers.ErrRange},
		{"−13 bits", "H43", "\x04\x4c\xf7\xff\x04\x4c", "\x1c\x20", drivers.ErrRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, tt.identity, "\x00\x01", tt.data, tt.config)

			assert.ErrorIs(t, err, tt.want)
			assert.Empty(t, got)
		})
	}
}

func TestObserveOverflow(t *testing.T) {
	tests := []struct {
		data string
		name string
		left []agent.Property
	}{
		{"\xf0\x00\x03\xd4\x04\x4c", "magneticFluxDensityX", []agent.Property{agent.MagneticY, agent.MagneticZ}},
		{"\x04\x4c\xf0\x00\x04\x4c", "magneticFluxDensityZ", []agent.Property{agent.MagneticX, agent.MagneticY}},
		{"\x04\x4c\x03\xd4\xf0\x00", "magneticFluxDensityY", []agent.Property{agent.MagneticX, agent.MagneticZ}},
		{"\xf0\x00\xf0\x00\xf0\x00", "magneticFluxDensityX", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := observe(t, "H43", "\x00\x01", tt.data, "\x1c\x20")

			assert.ErrorIs(t, err, errOverflow)
			assert.ErrorContains(t, err, tt.name)
			var left []agent.Property
			for _, r := range got {
				left = append(left, r.Property)
				assert.InDelta(t, 100, r.Value, 1e-9)
			}
			assert.Equal(t, tt.left, left, "what could be read")
		})
	}
}

// A car above the part, and away again.
func TestOverflowPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := 190.0
		host := new(sim.Host)
		host.AddI2C("1", 0x1e, newPart(parts["lsm303dlhc"], func() (float64, float64, float64) { return x, 20, -40 }))
		s, err := open(host, Driver.Defaults().(Settings))
		require.NoError(t, err)
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, errOverflow)
		assert.Len(t, got, 2)

		x = 30
		got, err = s.Observe(t.Context(), nil)

		require.NoError(t, err)
		require.Len(t, got, 3)
		assert.InDelta(t, 30, got[0].Value, 0.1)
		assert.InDelta(t, 20, got[1].Value, 0.1)
		assert.InDelta(t, -40, got[2].Value, 0.15)
	})
}

// What was measured before is still there, and is said to be, while the part
// measures: it is not taken for what is so now.
func TestNothingOld(t *testing.T) {
	for name := range parts {
		synctest.Test(t, func(t *testing.T) {
			x := 20.0
			host := new(sim.Host)
			host.AddI2C("1", 0x1e, newPart(parts[name], func() (float64, float64, float64) { return x, 0, -40 }))
			s, err := open(host, Settings{drivers.I2C{Address: 0x1e}, name})
			require.NoError(t, err)
			for x = 20; x < 100; x += 20 {
				got, err := s.Observe(t.Context(), nil)
				require.NoError(t, err)
				assert.InDelta(t, x, got[0].Value, 0.1, name)
				time.Sleep(time.Minute)
			}
		})
	}
}

// HMC5883L, table 7: 1090 steps a gauss at ±1.3 gauss, in all directions. A gain
// that somebody else had set is still that of the first measurement.
func TestHMC5883L(t *testing.T) {
	got, err := parts["hmc5883l"].convert([6]byte{0x04, 0x42, 0xfb, 0xbe, 0x00, 0x6d})
	require.NoError(t, err)
	assert.Equal(t, []agent.Result{
		{Property: agent.MagneticX, Value: 100}, {Property: agent.MagneticY, Value: 10}, {Property: agent.MagneticZ, Value: -100},
	}, got)

	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		part := newPart(parts["hmc5883l"], func() (float64, float64, float64) { return 20, 0, -40 })
		host.AddI2C("1", 0x1e, part)
		require.NoError(t, part.Write([]byte{regGain, 0xe0}))
		require.NoError(t, part.Write([]byte{regMode, single}))
		time.Sleep(time.Second)
		require.NoError(t, part.Read(make([]byte, 1)))
		s, err := open(host, Settings{drivers.I2C{Address: 0x1e}, "hmc5883l"})
		require.NoError(t, err)
		for range 2 {
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.InDelta(t, 20, got[0].Value, 0.1)
			assert.InDelta(t, -40, got[2].Value, 0.1)
		}
	})
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte("\x04\x4c\x03\xd4\x04\x4c"), true)
	f.Add([]byte("\xf0\x00\x03\xd4\x04\x4c"), false)
	f.Fuzz(func(t *testing.T, b []byte, hmc bool) {
		var data [6]byte
		copy(data[:], b)
		p := parts["lsm303dlhc"]
		if hmc {
			p = parts["hmc5883l"]
		}
		results, _ := p.convert(data)
		for _, r := range results {
			assert.NoError(t, drivers.Within(r.Value, -2048/p.stepsZ, 2047/p.stepsZ))
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = parts["hmc5883l"].convert([6]byte{0x04, 0x42, 0xfb, 0xbe, 0x00, 0x6d})
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x1d: false, 0x1e: true, 0x1f: false} {
		err := Settings{drivers.I2C{Address: address}, "hmc5883l"}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
	assert.ErrorContains(t, Settings{drivers.I2C{Address: 0x1e}, "qmc5883l"}.Validate(), `part "qmc5883l"`)
}
