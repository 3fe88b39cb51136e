package vl53l1x

import (
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

func TestDriver(t *testing.T) {
	drivertest.Run[Settings](t, Driver)
	drivertest.Stuck(t, Driver, 0x00)
	drivertest.Stuck(t, Driver, 0xff)
}

// of returns a result with a status and a distance.
func of(status byte, mm uint16) (r result) {
	r[0], r[2], r[13], r[14] = status, 1, byte(mm>>8), byte(mm)
	return r
}

func TestDecode(t *testing.T) {
	for mm, want := range map[uint16]float64{40: 0.04, 123: 0.123, 1000: 1, 4000: 4} {
		v, err := of(statusValid, mm).decode()
		require.NoError(t, err)
		assert.Equal(t, want, v)
	}
	v, err := of(0xe0|statusValid, 1000).decode()
	require.NoError(t, err, "the upper bits are not of the status")
	assert.Equal(t, 1.0, v)
	for status := range byte(32) {
		if status != statusValid {
			_, err := of(status, 1000).decode()
			assert.Errorf(t, err, "status %d", status)
		}
	}
	for _, tt := range []struct {
		r    result
		want error
	}{
		{of(4, 1000), errTarget},
		{of(5, 1000), errTarget},
		{of(6, 1000), drivers.ErrNoReading},
		{of(7, 1000), errTarget},
		{of(1, 1000), errPart},
		{of(17, 1000), errPart},
		{of(0, 0), drivers.ErrNoReading},
		{of(8, 30), drivers.ErrRange},
		{of(statusValid, 39), drivers.ErrRange},
		{of(statusValid, 4001), drivers.ErrRange},
		{of(statusValid, 0xfff0), drivers.ErrRange},
	} {
		_, err := tt.r.decode()
		assert.ErrorIs(t, err, tt.want)
	}
}

// sensorOf opens a sensor of a part that sees something.
func sensorOf(t *testing.T, seen func() (uint16, byte)) (agent.Sensor, *part, *sim.Host) {
	t.Helper()
	host, p := new(sim.Host), newPart(seen)
	host.AddI2C("1", 0x29, p)
	s, err := open(host, Driver.Defaults().(Settings))
	require.NoError(t, err)
	return s, p, host
}

// The second result of each start is taken, and the part rests in between.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mm, status := uint16(1000), byte(statusValid)
		s, p, host := sensorOf(t, func() (uint16, byte) { return mm, status })
		configured := 0
		host.SetFault(func(op sim.Op) error {
			if len(op.W) > 50 {
				configured++
			}
			return op.Err
		})
		for _, mm = range []uint16{1000, 250, 3900} {
			start := time.Now()
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, []agent.Result{{Property: agent.Distance, Value: float64(mm) / 1000}}, got)
			assert.Less(t, time.Since(start), 400*time.Millisecond)
			assert.Zero(t, p.r[regMode], "stopped")
			time.Sleep(time.Minute)
		}
		status = 4
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, errTarget)
		assert.Empty(t, got)
		status = statusValid
		_, err = s.Observe(t.Context(), nil)
		assert.NoError(t, err)
		assert.Equal(t, 1, configured, "no target is no fault of the part")
	})
}

// After a long rest, in which it got warmer or colder, the part looks for the voltage
// of its detector as if for the first time; between readings that follow one another
// it need not.
func TestRestsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, host := sensorOf(t, func() (uint16, byte) { return 1000, statusValid })
		starts := 0
		host.SetFault(func(op sim.Op) error {
			if len(op.W) == 3 && op.W[1] == regMode && op.W[2] == start {
				starts++
			}
			return op.Err
		})
		for _, tt := range []struct {
			rest time.Duration
			want int
		}{{0, 2}, {time.Minute, 1}, {10 * time.Minute, 1}, {time.Hour, 2}, {time.Minute, 1}} {
			time.Sleep(tt.rest)
			starts = 0
			got, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			assert.InDelta(t, 1, got[0].Value, 1e-9, "after %v", tt.rest)
			assert.Equal(t, tt.want, starts, "after %v", tt.rest)
		}
	})
}

// What the part is told is what ST's driver tells it, but for three things.
func TestConfig(t *testing.T) {
	assert.Len(t, config, 91)
	s := make(map[int]byte)
	for i, v := range config {
		if v != 0 {
			s[regConfig+i] = v
		}
	}
	assert.Equal(t, map[int]byte{
		0x2e: 0x01, 0x2f: 0x01, 0x30: 0x01, 0x31: 0x02, 0x33: 0x02, 0x34: 0x08, 0x36: 0x08, 0x37: 0x10, 0x38: 0x01, 0x39: 0x01,
		0x3e: 0xff, 0x40: 0x0f, 0x46: 0x20, 0x47: 0x0b, 0x4a: 0x02, 0x4b: 0x0a, 0x4c: 0x21, 0x4f: 0x05, 0x54: 0xc8, 0x57: 0x38,
		0x58: 0xff, 0x59: 0x01, 0x5b: 0x08, 0x5e: 0x01, 0x5f: 0xcc, 0x60: 0x0f, 0x61: 0x01, 0x62: 0xf1, 0x63: 0x0d, 0x64: 0x01,
		0x65: 0x68, 0x67: 0x80, 0x68: 0x08, 0x69: 0xb8, 0x6e: 0x0f, 0x6f: 0x89, 0x72: 0xa5, 0x73: 0x5a, 0x74: 0xa5, 0x75: 0x5a,
		0x77: 0x01, 0x78: 0x0f, 0x79: 0x0d, 0x7a: 0x0e, 0x7b: 0x0e, 0x7e: 0x02, 0x7f: 0xc7, 0x80: 0xff, 0x81: 0x9b, 0x85: 0x01,
	}, s)
}

func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, _ := sensorOf(t, func() (uint16, byte) { return 1000, statusValid })
		_, err := s.Observe(t.Context(), nil)
		require.NoError(t, err)
		p.Reset()
		time.Sleep(time.Minute)
		got, err := s.Observe(t.Context(), nil)
		assert.ErrorIs(t, err, drivers.ErrBrownOut)
		assert.Empty(t, got)
		_, err = s.Observe(t.Context(), nil)
		assert.NoError(t, err)
	})
}

func TestRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		reg    int
		answer byte
		want   error
	}{
		"another part":   {regID, 0xee, drivers.ErrIdentity}, // VL53L0X
		"never ready":    {regReady, 0x02, drivers.ErrNotReady},
		"does not start": {regBooted, 0x00, drivers.ErrNotReady},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _, host := sensorOf(t, func() (uint16, byte) { return 1000, statusValid })
			host.SetFault(func(op sim.Op) error {
				if len(op.R) > 0 && int(op.W[0])<<8|int(op.W[1]) == tt.reg {
					op.R[0] = tt.answer
				}
				return op.Err
			})
			got, err := s.Observe(t.Context(), nil)
			assert.ErrorIs(t, err, tt.want, name)
			assert.Empty(t, got)
		})
	}
}

func FuzzDecode(f *testing.F) {
	r := of(statusValid, 1000)
	f.Add(r[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var r result
		copy(r[:], b)
		if v, err := r.decode(); err == nil {
			assert.True(t, nearest <= v && v <= farthest && r[0]&0x1f == statusValid)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	r := of(statusValid, 1000)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.decode()
	}
}

func TestSettings(t *testing.T) {
	for address, ok := range map[uint16]bool{0x28: false, 0x29: true, 0x2a: false} {
		err := Settings{drivers.I2C{Address: address}}.Validate()
		assert.Equalf(t, ok, err == nil, "%#x: %v", address, err)
	}
}
