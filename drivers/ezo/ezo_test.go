package ezo

import (
	"math"
	"strings"
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
	for _, d := range []drivers.Driver{PH, EC, DO} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Run[CompensatedSettings](t, d)
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
	for _, d := range []drivers.Driver{ORP, RTD, FLO, CO2} {
		t.Run(d.Name, func(t *testing.T) {
			drivertest.Run[Settings](t, d)
			drivertest.Stuck(t, d, 0x00)
			drivertest.Stuck(t, d, 0xff)
		})
	}
}

// The texts are of the datasheets, "Taking reading".
func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		model model
		text  string
		want  agent.Result
		err   error
	}{
		{ph, "7.012", agent.Result{Property: agent.PH, Value: 7.012}, nil},
		{ph, "9.560", agent.Result{Property: agent.PH, Value: 9.56}, nil},
		{ph, "14.000", agent.Result{Property: agent.PH, Value: 14, Quality: agent.Saturated}, nil},
		{ph, "0.000", agent.Result{}, drivers.ErrRange},
		{orp, "-209.6", agent.Result{Property: agent.RedoxPotential, Value: -209.6}, nil},
		{rtd, "25.104", agent.Result{Property: agent.ProbeTemperature, Value: 25.104}, nil},
		{rtd, "-1023.000", agent.Result{}, drivers.ErrRange}, // without a probe
		{ec, "0.00", agent.Result{Property: agent.ElectricalConductivity}, nil},
		{ec, "1413,763,0.70,1.000", agent.Result{}, drivers.ErrNoReading}, // which of them is it
		{do, "7.82", agent.Result{Property: agent.DissolvedOxygen, Value: 7.82}, nil},
		{flo, "12.5", agent.Result{Property: agent.FlowRate, Value: 12.5}, nil},
		{co2, "434", agent.Result{Property: agent.CarbonDioxide, Value: 434}, nil},
		{co2, "0", agent.Result{}, drivers.ErrRange},
		{co2, "*WARM", agent.Result{}, drivers.ErrNoReading},
		{ec, "no output", agent.Result{}, drivers.ErrNoReading},
		{ph, "", agent.Result{}, drivers.ErrNoReading},
		{ph, "7.0.1", agent.Result{}, drivers.ErrNoReading},
		{ph, "NaN", agent.Result{}, drivers.ErrNoReading},
		{ec, "0x10p2", agent.Result{}, drivers.ErrNoReading},
	} {
		got, err := tt.model.decode(tt.text)
		assert.ErrorIs(t, err, tt.err, tt.text)
		assert.Equal(t, tt.want, got, tt.text)
	}
}

func TestAnswer(t *testing.T) {
	text, err := answer([]byte("\x017.012\x00\x00"))
	require.NoError(t, err)
	assert.Equal(t, "7.012", string(text))
	for b, want := range map[string]error{
		"\x02\x00": drivers.ErrIdentity, "\xfe\x00": drivers.ErrNotReady, "\xff\x00": drivers.ErrNoReading, "\x007.012\x00": drivers.ErrNoReading,
		"\x017.012": drivers.ErrNoReading,
	} {
		text, err := answer([]byte(b))
		assert.ErrorIs(t, err, want, "%q", b)
		assert.Empty(t, text)
	}
}

// said lets a driver observe its part twice and returns all commands.
func said(t *testing.T, d drivers.Driver, prepare func(*part)) (commands []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, failed := d.Configure(func(s any) error {
			if x, ok := s.(*CompensatedSettings); ok {
				x.WaterTemperature = 19.5
			}
			return nil
		})
		require.NoError(t, failed)
		host := new(sim.Host)
		s, failed := c.Open(host)
		require.NoError(t, failed)
		p := newPart(s.(*sensor).model)
		prepare(p)
		host.AddI2C("1", s.(*sensor).dev.Addr, p)
		host.SetFault(func(op sim.Op) error {
			if len(op.W) > 0 {
				commands = append(commands, string(op.W))
			}
			return op.Err
		})
		for range 2 {
			_, err = s.Observe(t.Context(), nil)
		}
	})
	return commands, err
}

// What a circuit keeps is written once, and its temperature is told each time.
func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		driver  drivers.Driver
		prepare func(*part)
		want    string
	}{
		{PH, func(*part) {}, "i T,19.5 R T,19.5 R"},
		{ORP, func(*part) {}, "i R R"},
		{EC, func(*part) {}, "i O,? O,TDS,0 O,S,0 O,SG,0 T,19.5 R O,? T,19.5 R"},
		{EC, func(p *part) { p.outputs = []string{"EC"} }, "i O,? T,19.5 R O,? T,19.5 R"},
		{EC, func(p *part) { p.outputs = []string{"TDS"} }, "i O,? O,EC,1 O,TDS,0 T,19.5 R O,? T,19.5 R"},
		{DO, func(p *part) { p.outputs = []string{"mg", "%"} }, "i O,? O,%,0 T,19.5 R O,? T,19.5 R"},
		{RTD, func(*part) {}, "i S,? R S,? R"},
		{RTD, func(p *part) { p.settled = false }, "i S,? S,c R S,? R"},
		{FLO, func(*part) {}, "i O,? O,TV,0 Frp,? Frp,m R O,? Frp,? R"},
		{CO2, func(*part) {}, "i O,? O,t,0 R O,? R"},
	} {
		got, err := said(t, tt.driver, tt.prepare)
		require.NoError(t, err, tt.driver.Name)
		assert.Equal(t, tt.want, strings.Join(got, " "), tt.driver.Name)
	}
}

// A circuit that took the place of another between two readings, or was calibrated
// meanwhile by its own tools, gives what it is asked for, not what it gave there.
func TestReplaced(t *testing.T) {
	for _, tt := range []struct {
		driver  drivers.Driver
		replace func(*part)
	}{
		{EC, func(p *part) { p.outputs = []string{"TDS"} }},
		{DO, func(p *part) { p.outputs = []string{"%"} }},
		{CO2, func(p *part) { p.outputs = []string{"t"} }},
		{RTD, func(p *part) { p.settled = false }},
		{FLO, func(p *part) { p.settled = false }},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, err := tt.driver.Configure(func(any) error { return nil })
			require.NoError(t, err)
			host := new(sim.Host)
			s, err := c.Open(host)
			require.NoError(t, err)
			before, err := s.Observe(t.Context(), nil)
			require.NoError(t, err)
			p := newPart(s.(*sensor).model)
			tt.replace(p)
			host.AddI2C("1", s.(*sensor).dev.Addr, p)

			got, err := s.Observe(t.Context(), nil)

			require.NoError(t, err)
			assert.InDelta(t, before[0].Value, got[0].Value, before[0].Value/100, tt.driver.Name)
		})
	}
}

func TestRefuses(t *testing.T) {
	_, err := said(t, PH, func(p *part) { p.model = orp })
	assert.ErrorIs(t, err, drivers.ErrIdentity)
	assert.ErrorContains(t, err, `it is "?I,OR,2.14", want pH`)
	_, err = said(t, PH, func(p *part) { p.model.wait += 500 * time.Millisecond })
	assert.NoError(t, err, "one that is slower than its datasheet is waited for")
	_, err = said(t, PH, func(p *part) { p.model.wait = time.Minute })
	assert.ErrorIs(t, err, drivers.ErrNotReady)
	_, err = said(t, DO, func(p *part) { p.model.names = []string{"DO"} })
	assert.NoError(t, err, "newer firmware calls itself so")
}

func TestSettings(t *testing.T) {
	at := drivers.I2C{Address: 0x63}
	assert.NoError(t, CompensatedSettings{at, 0}.Validate())
	assert.Error(t, CompensatedSettings{at, 101}.Validate())
	assert.Error(t, CompensatedSettings{at, math.NaN()}.Validate())
	assert.Error(t, CompensatedSettings{drivers.I2C{Address: 0x78}, 20}.Validate())
	assert.Error(t, Settings{drivers.I2C{Address: 0x07}}.Validate())
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x017.012\x00"))
	f.Add([]byte("\xfe7.012\x00"))
	f.Add([]byte("\x01-1023\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		text, err := answer(b)
		if err != nil {
			assert.Empty(t, text)
			return
		}
		assert.EqualValues(t, codeDone, b[0])
		for _, m := range []model{ph, ec, do, orp, rtd, flo, co2} {
			r, err := m.decode(string(text))
			assert.True(t, err != nil && r == agent.Result{} || err == nil && r.Value >= m.lowest && r.Value <= m.highest)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	said := []byte("\x017.012\x00\x00\x00")
	b.ReportAllocs()
	for b.Loop() {
		text, _ := answer(said)
		_, _ = ph.decode(string(text))
	}
}
