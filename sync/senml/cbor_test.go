package senml

import (
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

func encodeCBOR(epoch agent.Epoch, obs ...agent.Observation) (packs [][]byte, refused map[uint64]string) {
	e := encoder{thing: "lamp-042", epoch: epoch, cbor: true}
	for len(obs) > 0 {
		pack, n := e.appendPack(nil, obs)
		if len(pack) > 0 {
			packs = append(packs, pack)
		}
		obs = obs[n:]
	}
	return packs, e.refused
}

// The bytes of a pack, each checked by hand against RFC 8428, section 6, and
// RFC 8949.
func TestWireCBOR(t *testing.T) {
	packs, refused := encodeCBOR(0x0123456789abcdef,
		agent.Observation{Seq: 7, Datastream: air, Time: when, Value: 21.53},
		agent.Observation{Seq: 8, Datastream: rh, Time: when, Value: 48, Quality: agent.Suspect},
		agent.Observation{Seq: 10, Datastream: door, Time: when.Add(500 * time.Millisecond), Value: 1},
	)
	require.Empty(t, refused)
	require.Len(t, packs, 1)
	text := func(s string) string { return hex.EncodeToString([]byte(s)) }
	assert.Equal(t, "9f"+
		"a7"+"65"+text("epoch")+"70"+text("0123456789abcdef")+
		"21"+"781e"+text("urn:dev:ops:lamppost-lamp-042:")+
		"22"+"c4"+"82"+"20"+"1b"+"000000042e0e3445"+ // 17952552005e-1
		"00"+"77"+text("roof-air/airTemperature")+"01"+"63"+text("Cel")+
		"02"+"c4"+"82"+"21"+"190869"+ // 2153e-2
		"63"+text("seq")+"07"+
		"a4"+"00"+"7819"+text("roof-air/relativeHumidity")+"01"+"63"+text("%RH")+"02"+"1830"+
		"61"+text("q")+"67"+text("suspect")+ // no time and no seq: they follow from the record before
		"a4"+"22"+"1a"+"6b016ba1"+"00"+"69"+text("door/open")+"02"+"01"+"63"+text("seq")+"0a"+
		"ff", hex.EncodeToString(packs[0]))
}

// FuzzCBOR checks every pack against a decoder of others.
func FuzzCBOR(f *testing.F) {
	f.Add("roof-air/airTemperature", "Cel", int64(1_795_255_200_500), 21.53, uint64(1), uint16(0), int8(2), int64(0))
	f.Add("\xff", "", int64(-1), math.Copysign(0, -1), uint64(1<<53-1), uint16(65535), int8(9), int64(1))
	f.Add("x", "1", int64(255), 65536.0, uint64(23), uint16(1), int8(0), int64(-1_000_000_000))
	f.Fuzz(func(t *testing.T, name, unit string, ms int64, v float64, seq uint64, q uint16, k int8, ns int64) {
		if ms < -1<<46 || ms > 1<<46 || seq == 0 || seq >= 1<<53 {
			t.Skip()
		}
		ds := &agent.Datastream{Name: name, Property: agent.Property{Name: name, Unit: unit, Kind: agent.Kind(q % 4)}, Resolution: k}
		o := agent.Observation{
			Seq: seq, Datastream: ds, Time: time.UnixMilli(ms), Value: v, Quality: agent.Quality(q),
			Boot: uint32(q), Mono: time.Duration(ns), Span: time.Duration(ns),
		}
		next := o
		next.Seq, next.Value = seq+1, agent.Round(v, k)

		packs, refused := encodeCBOR(agent.Epoch(seq), o, next)

		if math.IsNaN(v) || math.IsInf(v, 0) {
			require.Contains(t, refused, seq)
			require.Empty(t, packs)
			return
		}
		require.Len(t, packs, 1)
		var records []map[any]any
		require.NoError(t, cbor.Unmarshal(packs[0], &records))
		require.Len(t, records, 2)
		first, second := records[0], records[1]
		assert.Equal(t, "urn:dev:ops:lamppost-lamp-042:", first[int64(-2)])
		assert.Equal(t, agent.Epoch(seq).String(), first["epoch"])
		assert.Equal(t, seq, first["seq"])
		assert.InDelta(t, float64(ms)/1000, decimal(t, first[int64(-3)]), 1e-3)
		assert.NotContains(t, second, "seq", "one more than the record before")
		assert.NotContains(t, second, int64(-3), "the base time is its time")
		for i, want := range []float64{v, next.Value} {
			assert.Equal(t, replaced(name), records[i][uint64(0)])
			assert.Equal(t, math.Float64bits(want+0), math.Float64bits(decimal(t, records[i][uint64(2)])+0))
			if q != 0 {
				assert.Equal(t, agent.Quality(q).String(), records[i]["q"])
				assert.InDelta(t, time.Duration(ns).Seconds(), decimal(t, records[i]["mono"]), 1e-6*math.Abs(time.Duration(ns).Seconds())+1e-9)
			}
		}
	})
}

// decimal reads a number, as the decoder of others returns it.
func decimal(t *testing.T, v any) float64 {
	t.Helper()
	switch v := v.(type) {
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	case cbor.Tag:
		require.EqualValues(t, 4, v.Number)
		parts := v.Content.([]any)
		return decimal(t, parts[1]) / math.Pow(10, -decimal(t, parts[0]))
	}
	t.Fatalf("%v is no number", v)
	return 0
}
