package sparkplug_test

import (
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNodeBirth(t *testing.T) {
	r := connected(t)
	births := r.events("NBIRTH")
	require.Len(t, births, 1)
	b := births[0]

	rule(t, "principles-birth-certificates-order", func(t *testing.T) { assert.Equal(t, "NBIRTH", r.events("")[0].Kind) })
	rule(t, "topics-nbirth-topic", func(t *testing.T) { assert.Equal(t, "spBv1.0/lamppost/NBIRTH/lamp-042", b.Topic) })
	rule(t, "topics-nbirth-mqtt", func(t *testing.T) {
		assert.Zero(t, b.QoS)
		assert.False(t, b.Retained)
	})
	rule(t, "payloads-nbirth-seq", func(t *testing.T) { assert.Zero(t, b.Seq) })
	rule(t, "payloads-nbirth-timestamp", func(t *testing.T) {
		assert.InDelta(t, time.Now().UnixMilli(), b.Time, 60_000)
	})
	rule(t, "payloads-nbirth-bdseq", func(t *testing.T) { assert.EqualValues(t, 0, find(t, b, "bdSeq").Value) })
	rule(t, "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq", func(t *testing.T) {
		assert.EqualValues(t, 4, find(t, b, "bdSeq").Datatype, "Int64")
	})
	rule(t, "payloads-nbirth-rebirth-req", func(t *testing.T) {
		m := find(t, b, "Node Control/Rebirth")
		assert.EqualValues(t, 11, m.Datatype, "Boolean")
		assert.Equal(t, false, m.Value)
	})
	rule(t, "operational-behavior-data-commands-rebirth-name-aliases", func(t *testing.T) {
		assert.False(t, find(t, b, "Node Control/Rebirth").Aliased)
	})
	rule(t, "operational-behavior-data-publish-nbirth", func(t *testing.T) {
		m := find(t, b, "Notice")
		assert.EqualValues(t, 12, m.Datatype, "String")
	})
	rule(t, "operational-behavior-data-publish-nbirth-values", func(t *testing.T) {
		for _, m := range b.Metrics {
			assert.Equalf(t, m.Null, m.Value == nil, "%s", m.Name)
		}
		assert.True(t, find(t, b, "Notice").Null)
		assert.Equal(t, "lamp-042", find(t, b, "Properties/Thing").Value)
	})
	rule(t, "topics-nbirth-metrics", func(t *testing.T) {
		for _, m := range b.Metrics {
			assert.NotEmpty(t, m.Name)
			assert.NotZerof(t, m.Datatype, "%s", m.Name)
			assert.NotZerof(t, m.Time, "%s", m.Name)
		}
	})
}

func TestDeviceBirth(t *testing.T) {
	r := connected(t, at(1, air, 1, 21.53), at(2, door, 1, 1), at(3, pulses, 1, 17))
	births := r.events("DBIRTH")
	require.Len(t, births, 3)
	topics := []string{births[0].Topic, births[1].Topic, births[2].Topic}

	rule(t, "topics-dbirth-topic", func(t *testing.T) {
		base := "spBv1.0/lamppost/DBIRTH/lamp-042/"
		assert.Equal(t, []string{base + "roof-air", base + "rain", base + "door"}, topics, "a device is a sensor")
	})
	rule(t, "topics-dbirth-mqtt", func(t *testing.T) {
		for _, b := range births {
			assert.Zero(t, b.QoS)
			assert.False(t, b.Retained)
		}
	})
	rule(t, "payloads-dbirth-seq-inc", func(t *testing.T) {
		assert.Equal(t, []int{1, 2, 3}, []int{births[0].Seq, births[1].Seq, births[2].Seq})
	})
	rule(t, "payloads-dbirth-timestamp", func(t *testing.T) { assert.InDelta(t, time.Now().UnixMilli(), births[0].Time, 60_000) })
	rule(t, "payloads-dbirth-order", func(t *testing.T) {
		var kinds []string
		for _, e := range r.events("") {
			kinds = append(kinds, e.Kind)
		}
		assert.Equal(t, []string{"NBIRTH", "DBIRTH", "DBIRTH", "DBIRTH"}, kinds)
	})
	rule(t, "topics-dbirth-metrics", func(t *testing.T) {
		for _, m := range births[0].Metrics {
			assert.NotEmpty(t, m.Name)
			assert.NotZero(t, m.Datatype)
		}
		assert.EqualValues(t, 10, find(t, births[0], "airTemperature").Datatype, "Double")
		assert.EqualValues(t, 4, find(t, births[1], "pulses").Datatype, "Int64")
		assert.EqualValues(t, 11, find(t, births[2], "open").Datatype, "Boolean")
		assert.EqualValues(t, 3, find(t, births[2], "sensorState").Datatype, "Int32")
	})
	rule(t, "payloads-alias-uniqueness", func(t *testing.T) {
		aliases := map[uint64]bool{}
		for _, b := range births {
			for _, m := range b.Metrics {
				assert.False(t, aliases[m.Alias])
				aliases[m.Alias] = true
			}
		}
		assert.Len(t, aliases, 5)
	})
	rule(t, "payloads-alias-birth-requirement", func(t *testing.T) {
		for _, b := range births {
			for _, m := range b.Metrics {
				assert.True(t, m.Aliased && m.Name != "")
			}
		}
	})
	rule(t, "operational-behavior-data-publish-dbirth-values", func(t *testing.T) {
		assert.Equal(t, 21.53, find(t, births[0], "airTemperature").Value)
		assert.EqualValues(t, noon.Add(time.Second).UnixMilli(), find(t, births[0], "airTemperature").Time)
		assert.EqualValues(t, 17, find(t, births[1], "pulses").Value)
		assert.Equal(t, true, find(t, births[2], "open").Value)
		humidity := find(t, births[0], "relativeHumidity")
		assert.True(t, humidity.Null)
		assert.Nil(t, humidity.Value)
	})
	rule(t, "payloads-metric-propertyvalue-type-req", func(t *testing.T) {
		m := find(t, births[0], "airTemperature")
		assert.Equal(t, map[string]uint64{"Quality": 3, "engUnit": 12, "seq": 8, "epoch": 12}, m.Types)
		assert.Equal(t, map[string]any{"Quality": uint64(192), "engUnit": "°C", "seq": nil, "epoch": nil}, m.Properties, "a birth delivers no key")
	})
	assert.Empty(t, received(r.desk, 7), "a birth delivers nothing")
}

// A rebirth carries what was sent since, live, and nothing older.
func TestBirthHasCurrentValues(t *testing.T) {
	r := connected(t, at(1, air, 1, 20))
	r.publish(live(at(1, air, 1, 20), at(2, air, 2, 21)))
	r.publish(late(at(3, air, 0, 5)))
	r.forget()

	require.NoError(t, r.host.Ask("lamppost", "lamp-042"))
	r.eventually(func() bool { return len(r.events("DBIRTH")) == 3 }, "births come again")

	assert.Equal(t, 21.0, find(t, r.events("DBIRTH")[0], "airTemperature").Value)
}

func TestAnnounceTwiceChangesNothing(t *testing.T) {
	r := connected(t)
	r.forget()

	require.NoError(t, r.city.Announce(t.Context(), thing, all, []agent.Observation{at(9, air, 9, 9)}))

	assert.Empty(t, r.events(""))
	r.publish(live(at(1, air, 1, 20)))
	assert.False(t, r.events("DDATA")[0].Metrics[0].Historical, "no host was shown the newer one")
}

func TestNewDatastreamIsBorn(t *testing.T) {
	r := connected(t)
	r.forget()
	lux := stream(9, "sky", agent.Illuminance, agent.Telemetry)
	voltage := stream(10, "rain", agent.Voltage, agent.Diagnostic)

	require.NoError(t, r.city.Announce(t.Context(), thing, append(all[:5:5], lux, voltage), nil))
	r.publish(live(at(1, lux, 1, 300), at(2, voltage, 1, 3.3)))

	births := r.events("DBIRTH")
	require.Len(t, births, 2, "only what is new")
	assert.Equal(t, "rain", births[0].Device)
	assert.Len(t, births[0].Metrics, 2, "with all metrics of the device")
	assert.Equal(t, "sky", births[1].Device)
	assert.Equal(t, []uint64{1, 2}, received(r.desk, 7))
	assert.Zero(t, r.state().Gaps)
	assert.Zero(t, r.state().Unknown)

	surprise := stream(11, "cellar", agent.AirTemperature, agent.Telemetry)
	r.publish(live(at(3, surprise, 1, 9)))
	assert.Equal(t, []uint64{1, 2, 3}, received(r.desk, 7), "even one that nobody announced")
	assert.Zero(t, r.state().Unknown)
}

// Two series of one property at one sensor never share a name.
func TestNamesOfChangedDatastreams(t *testing.T) {
	litres, cubic := agent.Quantity, agent.Quantity
	litres.Unit, cubic.Unit = "L", "m3"
	was, is := stream(6, "meter", litres, agent.Telemetry), stream(7, "meter", cubic, agent.Telemetry)
	renamed := stream(5, "meter", cubic, agent.Telemetry)
	renamed.Thing = "lamp-041"
	twin := stream(4, "meter", litres, agent.Telemetry)
	r := newRig(t, sparkplug.Settings{})
	r.connect()

	require.NoError(t, r.city.Announce(t.Context(), thing, []*agent.Datastream{was, is, renamed, twin}, nil))

	b := r.events("DBIRTH")[0]
	assert.EqualValues(t, 7, find(t, b, "quantity").Alias, "the newest")
	assert.Equal(t, "m³", find(t, b, "quantity").Properties["engUnit"])
	assert.EqualValues(t, 6, find(t, b, "quantity (L, measurement, lamp-042)").Alias)
	assert.EqualValues(t, 5, find(t, b, "quantity (m3, measurement, lamp-041)").Alias)
	assert.EqualValues(t, 4, find(t, b, "quantity (4)").Alias)

	r.publish(late(at(1, renamed, 1, 1)))
	assert.EqualValues(t, 1, r.desk.Received("lamp-041").Distinct, "under the thing that observed it")
	assert.Zero(t, r.desk.Received("lamp-042").Distinct)
}
