package sparkplug

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A wire writes messages of a node, apart from the gateway's encoder.
type wire []byte

func (w wire) number(field int, n uint64) wire { return putVarint(putVarint(w, uint64(field)<<3), n) }

func (w wire) text(field int, s string) wire {
	return append(putVarint(putVarint(w, uint64(field)<<3|2), uint64(len(s))), s...)
}

func (w wire) double(field int, v float64) wire {
	w = putVarint(w, uint64(field)<<3|1)
	for bits, i := math.Float64bits(v), 0; i < 8; i++ {
		w = append(w, byte(bits>>(8*i)))
	}
	return w
}

func nbirth(bdSeq uint64) wire {
	number := wire(nil).text(1, "bdSeq").number(3, 1).number(4, 4).number(11, bdSeq)
	thing := wire(nil).text(1, "Properties/Thing").number(3, 1).number(4, 12).text(15, "lamp-042")
	return wire(nil).number(1, 1).text(2, string(number)).text(2, string(thing)).number(3, 0)
}

func ndeath(bdSeq uint64) wire {
	return wire(nil).text(2, string(wire(nil).text(1, "bdSeq").number(4, 4).number(11, bdSeq)))
}

func dbirth(seq uint64) wire {
	m := wire(nil).text(1, "airTemperature").number(2, 5).number(3, 1).number(4, 10).number(7, 1)
	return wire(nil).number(1, 1).text(2, string(m)).number(3, seq)
}

func ddata(seq, alias, key uint64) wire {
	set := wire(nil).text(1, "seq").text(2, string(wire(nil).number(1, 8).number(4, key))).
		text(1, "epoch").text(2, string(wire(nil).number(1, 12).text(8, "0000000000000007")))
	m := wire(nil).number(2, alias).number(3, 1000+key).text(9, string(set)).double(13, 21.5)
	return wire(nil).number(1, 1).text(2, string(m)).number(3, seq)
}

// table is a host that is told messages.
type table struct {
	*Host
	t    *testing.T
	desk *desk.City
}

func newTable(t *testing.T, store string) *table {
	h := New("scada")
	city, err := desk.Open(desk.Options{Platform: h.Platform(), Listen: "127.0.0.1:0", Store: store})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	return &table{h, t, city}
}

func (b *table) tell(kind, device string, w wire) {
	b.t.Helper()
	topic := "spBv1.0/g/" + kind + "/n"
	if device != "" {
		topic += "/" + device
	}
	require.NoError(b.t, b.receive(desk.Message{Topic: topic, Payload: w}))
}

func (b *table) state() State { return b.State("g", "n") }

func TestSession(t *testing.T) {
	b := newTable(t, "")
	b.tell("NBIRTH", "", nbirth(3))
	b.tell("DBIRTH", "roof", dbirth(1))
	b.tell("DDATA", "roof", ddata(2, 5, 1))
	assert.Equal(t, State{Online: true, BdSeq: 3, Births: 1, Live: 1, Current: b.state().Current}, b.state())
	assert.Equal(t, 21.5, b.state().Current["roof/airTemperature"].Value)
	assert.EqualValues(t, 1, b.desk.Received("lamp-042").Distinct)

	b.tell("NDEATH", "", ndeath(2))
	assert.True(t, b.state().Online, "the death of another session")
	b.tell("NDEATH", "", ndeath(3))
	assert.False(t, b.state().Online)
	b.tell("DDATA", "roof", ddata(3, 5, 2))
	assert.Equal(t, 1, b.state().Asked, "data of the dead")
	assert.EqualValues(t, 1, b.desk.Received("lamp-042").Distinct)
}

func TestWhatTheHostAsksFor(t *testing.T) {
	for name, tt := range map[string]struct {
		kind, device string
		w            wire
		asked, count int
	}{
		"the next number":               {"DDATA", "roof", ddata(2, 5, 1), 0, 1},
		"a gap":                         {"DDATA", "roof", ddata(3, 5, 1), 1, 1},
		"no number":                     {"DDATA", "roof", ddata(2, 5, 1)[:len(ddata(2, 5, 1))-2], 1, 1},
		"an unknown alias":              {"DDATA", "roof", ddata(2, 6, 1), 1, 0},
		"an alias of other devices":     {"DDATA", "cellar", ddata(2, 5, 1), 1, 0},
		"no key":                        {"DDATA", "roof", ddata(2, 5, 0), 0, 0},
		"an unknown metric of the node": {"NDATA", "", wire(nil).text(2, string(wire(nil).number(2, 9).text(15, "{}"))).number(3, 2), 1, 0},
		"no message":                    {"DDATA", "roof", wire("\xff"), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTable(t, "")
			b.tell("NBIRTH", "", nbirth(0))
			b.tell("DBIRTH", "roof", dbirth(1))
			b.tell(tt.kind, tt.device, tt.w)
			assert.Equal(t, tt.asked, b.state().Asked)
			assert.EqualValues(t, tt.count, b.desk.Received("lamp-042").Distinct)
		})
	}
	t.Run("nothing when it is silent", func(t *testing.T) {
		b := newTable(t, "")
		b.Silence()
		b.tell("DDATA", "roof", ddata(2, 5, 1))
		assert.Zero(t, b.state().Asked)
	})
	t.Run("nothing of a state or a command", func(t *testing.T) {
		b := newTable(t, "")
		b.tell("NCMD", "", wire("\xff"))
		require.NoError(t, b.receive(desk.Message{Topic: "spBv1.0/STATE/scada", Payload: []byte("{}")}))
		require.NoError(t, b.receive(desk.Message{Topic: "other", Payload: []byte("{}")}))
		assert.Empty(t, b.Events())
	})
}

func TestRestart(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	b := newTable(t, store)
	b.tell("NBIRTH", "", nbirth(3))
	b.tell("DBIRTH", "roof", dbirth(1))
	b.tell("DDATA", "roof", ddata(2, 5, 1))
	require.NoError(t, b.desk.Close())

	b = newTable(t, store)
	b.tell("DDATA", "roof", ddata(77, 5, 2))
	assert.Zero(t, b.state().Asked, "it takes the first number it sees")
	assert.EqualValues(t, 2, b.desk.Received("lamp-042").Distinct)
	b.tell("DDATA", "roof", ddata(79, 5, 3))
	assert.Equal(t, 1, b.state().Gaps)
}
