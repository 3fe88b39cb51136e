package senml

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

var (
	air  = &agent.Datastream{Name: "roof-air/airTemperature", Property: agent.AirTemperature, Resolution: 2, Thing: "lamp-042"}
	rh   = &agent.Datastream{Name: "roof-air/relativeHumidity", Property: agent.RelativeHumidity, Resolution: 2, Thing: "lamp-042"}
	door = &agent.Datastream{Name: "door/open", Property: agent.Open, Thing: "lamp-042"}
	when = time.UnixMilli(1_795_255_200_500).UTC()
)

func encode(epoch agent.Epoch, obs ...agent.Observation) (packs []string, refused map[uint64]string) {
	e := encoder{thing: "lamp-042", epoch: epoch}
	for len(obs) > 0 {
		pack, n := e.appendPack(nil, obs)
		if len(pack) > 0 {
			packs = append(packs, string(pack))
		}
		obs = obs[n:]
	}
	return packs, e.refused
}

func TestWire(t *testing.T) {
	packs, refused := encode(0x0123456789abcdef,
		agent.Observation{Seq: 1, Datastream: air, Time: when, Value: 21.53},
		agent.Observation{Seq: 2, Datastream: rh, Time: when, Value: 48, Quality: agent.Suspect | agent.Simulated},
		agent.Observation{Seq: 3, Datastream: door, Time: when.Add(499 * time.Millisecond), Value: 1, Quality: agent.ClockUnset, Boot: 7, Mono: 12250 * time.Millisecond},
		agent.Observation{Seq: 9007199254740991, Datastream: air, Time: when.Add(500 * time.Millisecond), Value: -0.07, Span: 90 * time.Second},
	)

	require.Empty(t, refused)
	require.Len(t, packs, 1)
	assert.Equal(t, `[{"bn":"urn:dev:ops:lamppost-lamp-042:","epoch":"0123456789abcdef",`+
		`"n":"roof-air/airTemperature","u":"Cel","t":1795255200.5,"v":21.53,"seq":1},`+
		`{"n":"roof-air/relativeHumidity","u":"%RH","t":1795255200.5,"v":48,"seq":2,"q":"suspect,simulated"},`+
		`{"n":"door/open","t":1795255200.999,"v":1,"seq":3,"q":"clock-unset","boot":7,"mono":12.25},`+
		`{"n":"roof-air/airTemperature","u":"Cel","t":1795255201,"v":-0.07,"seq":9007199254740991,"span":90}]`, packs[0])
}

func TestThingThatWasRenamed(t *testing.T) {
	old := *air
	old.Thing = "lamp-041"
	packs, _ := encode(1,
		agent.Observation{Seq: 1, Datastream: &old, Time: when},
		agent.Observation{Seq: 2, Datastream: air, Time: when},
		agent.Observation{Seq: 3, Datastream: &agent.Datastream{Name: "a/b"}, Time: when},
	)

	records, err := Decode([]byte(packs[0]))

	require.NoError(t, err)
	assert.Equal(t, "urn:dev:ops:lamppost-lamp-041:roof-air/airTemperature", records[0].Name)
	assert.Equal(t, "urn:dev:ops:lamppost-lamp-042:roof-air/airTemperature", records[1].Name)
	assert.Equal(t, "urn:dev:ops:lamppost-lamp-042:a/b", records[2].Name)
}

func TestRefused(t *testing.T) {
	packs, refused := encode(1,
		agent.Observation{Seq: 1, Datastream: air, Time: when, Value: math.NaN()},
		agent.Observation{Seq: 2, Datastream: air, Time: when.Add(time.Second), Value: 2},
		agent.Observation{Seq: 3, Datastream: air, Time: when, Value: math.Inf(1)},
		agent.Observation{Seq: 4, Time: when, Value: 4},
		agent.Observation{Seq: 5, Datastream: air, Time: when, Value: math.Inf(-1)},
	)

	assert.Equal(t, map[uint64]string{
		1: "the value is not a number", 3: "the value is infinite", 4: "no datastream", 5: "the value is infinite",
	}, refused)
	assert.Equal(t, []uint64{2}, seqs(t, packs...))
	packs, refused = encode(1, agent.Observation{Seq: 1, Datastream: air, Value: math.NaN()})
	assert.Empty(t, packs, "a pack of nothing")
	assert.Len(t, refused, 1)
}

func TestPacksAreLimited(t *testing.T) {
	many := func(n, instant int, name string) (obs []agent.Observation) {
		ds := &agent.Datastream{Name: name, Property: agent.AirTemperature, Resolution: 2}
		obs = append(obs, agent.Observation{Seq: 1, Datastream: ds, Value: math.NaN(), Time: when.Add(-time.Hour)})
		for i := range n {
			obs = append(obs, agent.Observation{
				Seq: uint64(i + 2), Datastream: ds, Time: when.Add(time.Duration(i/instant) * time.Second), Value: 1.25,
			})
		}
		return obs
	}
	for name, obs := range map[string][]agent.Observation{
		"small":                   many(10, 3, "a/b"),
		"records":                 many(3500, 7, "a/b"),
		"bytes":                   many(3500, 7, strings.Repeat("name", 30)),
		"one instant":             many(3500, 5000, strings.Repeat("name", 30)),
		"records above the limit": many(3, 1, strings.Repeat("name", 30_000)),
	} {
		t.Run(name, func(t *testing.T) {
			packs, refused := encode(1, obs...)

			require.Len(t, refused, 1)
			var all []Record
			for _, p := range packs {
				records, err := Decode([]byte(p))
				require.NoError(t, err)
				require.NotEmpty(t, records)
				require.LessOrEqual(t, len(records), maxRecords)
				if len(records) > 1 {
					require.LessOrEqual(t, len(p), maxBytes)
				}
				if n := len(all); n > 0 && name != "one instant" {
					require.NotEqual(t, all[n-1].Time, records[0].Time, "an instant was split")
				}
				all = append(all, records...)
			}
			require.Len(t, all, len(obs)-1)
			for i, r := range all {
				require.EqualValues(t, i+2, r.Seq)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 0.3, 1.0 / 3, 1e-7, 123456789.123, 1e21, 1e22, 5e-324, math.MaxFloat64,
		-math.MaxFloat64, 1 << 53, 1<<53 - 1, 0.07, 1013.25, 2.675,
	} {
		for k := int8(-2); k < 12; k++ {
			for _, x := range []float64{v, agent.Round(v, k)} {
				text := appendValue(nil, x, k)
				var got float64
				require.NoErrorf(t, json.Unmarshal(text, &got), "%s", text)
				assert.Equalf(t, math.Float64bits(x), math.Float64bits(got), "%s for %v, resolution %d", text, x, k)
			}
		}
	}
	assert.Equal(t, "-3.5", string(appendDecimal(nil, -3500, 3)))
	assert.Equal(t, "-0.001", string(appendDecimal(nil, -1, 3)))
	assert.Equal(t, "0", string(appendDecimal(nil, 0, 3)))
	assert.Equal(t, "100", string(appendDecimal(nil, 100_000, 3)))
	assert.Equal(t, "-9223372036.854775808", string(appendDecimal(nil, math.MinInt64, 9)))
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		property agent.Property
		want     string
	}{
		{agent.AirTemperature, "Cel"},
		{agent.RelativeHumidity, "%RH"},
		{agent.Property{Name: "batteryLevel", Unit: "%"}, "%"},
		{agent.AtmosphericPressure, "hPa"},
		{agent.PulseRate, "Hz"},
		{agent.MagneticX, "uT"},
		{agent.Quantity, "/"},
		{agent.Pulses, ""},
		{agent.Open, ""},
		{agent.SensorState, ""},
		{agent.Property{Name: "energy", Unit: "kW.h"}, "kWh"},
		{agent.Property{Name: "rain", Unit: "mm"}, "mm"},
	} {
		assert.Equal(t, tt.want, unitOf(tt.property), tt.property.Name)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("roof-air/airTemperature", "lamp-042", "Cel", 21.53, uint64(1), int64(1_795_255_200_500), int8(2), uint16(0), int64(0))
	f.Add("a\"\\\x00\x1f\u2028\xff\xc3\x28€", "", "1", -1e300, uint64(1<<53-1), int64(-1), int8(-3), uint16(65535), int64(-1))
	f.Add("", "\n", "", 5e-324, uint64(0), int64(-62_135_596_800_000), int8(9), uint16(1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, name, thing, unit string, v float64, seq uint64, ms int64, k int8, q uint16, ns int64) {
		if ms < -1<<46 || ms > 1<<46 || ns < -1<<50 || ns > 1<<50 { // beyond, float64 seconds are too coarse to compare
			t.Skip()
		}
		ds := &agent.Datastream{Name: name, Thing: thing, Property: agent.Property{Name: name, Unit: unit, Kind: agent.Kind(q % 4)}, Resolution: k}
		o := agent.Observation{
			Seq: seq, Datastream: ds, Time: time.UnixMilli(ms), Value: v, Quality: agent.Quality(q),
			Boot: uint32(q), Mono: time.Duration(ns), Span: time.Duration(ns),
		}
		second := o
		second.Value = agent.Round(v, k)

		packs, refused := encode(agent.Epoch(seq), o, second)

		if math.IsNaN(v) || math.IsInf(v, 0) {
			require.Contains(t, refused, seq)
			require.Empty(t, packs)
			return
		}
		require.Len(t, packs, 1)
		records, err := Decode([]byte(packs[0]))
		require.NoError(t, err, packs[0])
		require.Len(t, records, 2)
		for i, want := range []float64{v, second.Value} {
			r := records[i]
			assert.Equal(t, math.Float64bits(want+0), math.Float64bits(*r.Value), packs[0])
			assert.Equal(t, replaced(baseName(orElse(thing, "lamp-042"))+name), r.Name)
			assert.Equal(t, replaced(unitOf(ds.Property)), r.Unit)
			assert.Equal(t, ms, r.Time.UnixMilli(), packs[0])
			assert.Equal(t, fmt.Sprintf("%016x", seq), r.Epoch)
			assert.Equal(t, seq, r.Seq)
			assert.Equal(t, time.Duration(ns), r.Span)
			if o.Boot != 0 {
				assert.Equal(t, time.Duration(ns), r.Mono)
			}
			quality, err := agent.ParseQuality(r.Quality)
			require.NoError(t, err)
			assert.Equal(t, o.Quality, quality)
		}
	})
}

// replaced returns what encoding/json makes of a text, which need not be UTF-8.
func replaced(s string) string { return string([]rune(s)) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func seqs(t *testing.T, packs ...string) (all []uint64) {
	t.Helper()
	for _, p := range packs {
		records, err := Decode([]byte(p))
		require.NoError(t, err, p)
		for _, r := range records {
			all = append(all, r.Seq)
		}
	}
	return all
}

func BenchmarkEncode(b *testing.B) {
	obs := make([]agent.Observation, 1000)
	for i := range obs {
		ds := []*agent.Datastream{air, rh, door}[i%3]
		obs[i] = agent.Observation{
			Seq: uint64(1_000_000 + i), Datastream: ds, Time: when.Add(time.Duration(i/3) * 1001 * time.Millisecond),
			Value: agent.Round(20+float64(i)*0.013, ds.Resolution),
		}
	}
	buf := make([]byte, 0, maxBytes+1024)
	bytes := 0
	b.ReportAllocs()
	for b.Loop() {
		e := encoder{thing: "lamp-042", epoch: 1}
		bytes = 0
		for rest := obs; len(rest) > 0; {
			pack, n := e.appendPack(buf, rest)
			bytes += len(pack)
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/obs")
	b.ReportMetric(float64(bytes)/1000, "bytes/obs")
}
