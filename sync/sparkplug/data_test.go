package sparkplug_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/sparkplug"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestData(t *testing.T) {
	r := connected(t)
	r.publish(live(at(1, air, 1, 21.5), at(2, humid, 1, 40), at(3, pulses, 1, -3), at(4, door, 1, 1), at(5, state, 1, 2), at(6, air, 2, 22)))
	data := r.events("DDATA")
	require.Len(t, data, 3, "a message for each device")

	rule(t, "topics-ddata-topic", func(t *testing.T) { assert.Equal(t, "spBv1.0/lamppost/DDATA/lamp-042/roof-air", data[0].Topic) })
	rule(t, "topics-ddata-mqtt", func(t *testing.T) {
		assert.Zero(t, data[0].QoS)
		assert.False(t, data[0].Retained)
	})
	rule(t, "payloads-ddata-seq-inc", func(t *testing.T) {
		assert.Equal(t, []int{4, 5, 6}, []int{data[0].Seq, data[1].Seq, data[2].Seq})
	})
	rule(t, "payloads-ddata-timestamp", func(t *testing.T) { assert.InDelta(t, time.Now().UnixMilli(), data[0].Time, 60_000) })
	rule(t, "payloads-alias-data-cmd-requirement", func(t *testing.T) {
		for _, e := range data {
			for _, m := range e.Metrics {
				assert.Empty(t, m.Name)
				assert.True(t, m.Aliased)
			}
		}
	})
	rule(t, "payloads-name-birth-data-requirement", func(t *testing.T) {
		assert.EqualValues(t, noon.Add(2*time.Second).UnixMilli(), data[0].Metrics[2].Time)
	})
	rule(t, "payloads-metric-datatype-not-req", func(t *testing.T) { assert.Zero(t, data[0].Metrics[0].Datatype) })
	t.Run("values", func(t *testing.T) {
		assert.Equal(t, 21.5, data[0].Metrics[0].Value)
		count := int64(-3)
		assert.Equal(t, uint64(count), data[1].Metrics[0].Value, "two's complement of 64 bits")
		assert.Equal(t, true, data[2].Metrics[0].Value)
		assert.Equal(t, uint64(2), data[2].Metrics[1].Value)
	})
	t.Run("keys", func(t *testing.T) {
		assert.Equal(t, map[string]any{"Quality": uint64(192), "seq": uint64(6), "epoch": "0000000000000007"}, data[0].Metrics[2].Properties)
	})
}

// Some hosts read no value whose datatype they are not told again.
func TestDatatypes(t *testing.T) {
	r := newRig(t, sparkplug.Settings{Datatypes: true})
	r.connect()
	require.NoError(t, r.city.Announce(t.Context(), thing, all, nil))
	r.publish(live(at(1, air, 1, 21.5), at(2, pulses, 1, 1), at(3, door, 1, 1), at(4, state, 1, 2)))
	require.NoError(t, r.city.Notify(t.Context(), []agent.Notice{heartbeat()}))

	var types []uint64
	for _, e := range r.events("DDATA") {
		for _, m := range e.Metrics {
			types = append(types, m.Datatype)
		}
	}
	assert.Equal(t, []uint64{10, 4, 11, 3}, types)
	assert.EqualValues(t, 12, r.events("NDATA")[0].Metrics[0].Datatype)
}

func TestChronological(t *testing.T) {
	rule(t, "operational-behavior-data-publish-dbirth-order", func(t *testing.T) {
		r := connected(t)
		r.publish(live(at(1, air, 5, 1), at(2, humid, 3, 2), at(3, air, 6, 3)))
		m := r.events("DDATA")[0].Metrics
		assert.True(t, m[0].Time < m[1].Time && m[1].Time < m[2].Time)
	})
}

func TestHistorical(t *testing.T) {
	r := connected(t, at(9, humid, 100, 50))
	r.publish(late(at(1, air, 1, 1)))
	r.publish(live(at(5, air, 5, 5)))
	r.publish(live(at(3, air, 3, 3)))      // overtaken by another batch
	r.publish(live(at(9, humid, 100, 50))) // as the birth said
	r.publish(live(at(8, humid, 99, 49)))

	var marks []bool
	for _, e := range r.events("DDATA") {
		marks = append(marks, e.Metrics[0].Historical)
	}
	assert.Equal(t, []bool{true, false, true, false, true}, marks)
	assert.Equal(t, 5.0, r.state().Current["roof-air/airTemperature"].Value, "the current value stays the newest")
}

// One counter for the whole node, that goes from 255 to 0.
func TestSequence(t *testing.T) {
	rule(t, "payloads-sequence-num-incrementing", func(t *testing.T) {
		r := connected(t)
		for i := range 300 {
			r.publish(live(at(uint64(2*i+1), air, i, 1), at(uint64(2*i+2), pulses, i, 1)))
		}
		require.NoError(t, r.city.Notify(t.Context(), []agent.Notice{heartbeat()}))
		r.inOrder()
		assert.Zero(t, r.state().Gaps)
		assert.Len(t, received(r.desk, 7), 600)
	})
}

func heartbeat() agent.Notice {
	return agent.Notice{Epoch: 7, Kind: agent.NoticeHeartbeat, Time: noon, Heartbeat: &agent.Heartbeat{AcceptedTo: 600, Since: 1}}
}

func TestLargeBatchIsSeveralMessages(t *testing.T) {
	r := connected(t)
	var obs []agent.Observation
	for i := range 2500 {
		obs = append(obs, at(uint64(i+1), air, i, float64(i)))
	}
	r.publish(live(obs...))

	assert.Len(t, received(r.desk, 7), 2500)
	data := r.events("DDATA")
	assert.Greater(t, len(data), 4)
	for _, e := range data {
		assert.LessOrEqual(t, e.Bytes, 33<<10, "brokers in clouds take no more than 128 KiB")
	}
	r.inOrder()
}

func TestQuality(t *testing.T) {
	r := connected(t)
	for i, name := range []string{
		"clock-unset", "suspect", "out-of-range", "stuck", "jump", "warm-up", "saturated", "calibration-expired",
		"restarted", "thinned", "simulated", "incomplete", "salvaged", "degraded", "low-power", "maintenance",
	} {
		rule(t, "payloads-propertyset-quality-value-value/"+name, func(t *testing.T) {
			r.forget()
			q, err := agent.ParseQuality(name)
			require.NoError(t, err)
			o := at(uint64(i+1), air, i, 20)
			o.Quality = q
			r.publish(live(o))

			p := r.events("DDATA")[0].Metrics[0]
			want := map[string]uint64{
				"suspect": 0, "out-of-range": 0, "stuck": 0, "jump": 0, "warm-up": 0, "saturated": 0, "degraded": 0, "low-power": 0,
			}
			code, bad := want[name]
			if !bad {
				code = 192
			}
			assert.Equal(t, code, p.Properties["Quality"])
			assert.EqualValues(t, 3, p.Types["Quality"], "Int32")
			assert.Equal(t, name, p.Properties["qualityReasons"])
		})
	}
}

func TestDoubtTravels(t *testing.T) {
	r := connected(t)
	o := at(1, air, 1, 20)
	o.Boot, o.Mono, o.Span = 7, 12*time.Second+5, time.Minute
	r.publish(live(o))

	p := r.events("DDATA")[0].Metrics[0].Properties
	assert.Equal(t, uint64(7), p["boot"])
	assert.Equal(t, uint64(12_000_000_005), p["monoNs"])
	assert.Equal(t, uint64(60_000_000_000), p["spanNs"])
}

func TestRefused(t *testing.T) {
	slash := stream(9, "a/b", agent.AirTemperature, agent.Telemetry)
	for name, o := range map[string]agent.Observation{
		"NaN":                        at(2, air, 1, math.NaN()),
		"infinite":                   at(2, air, 1, math.Inf(-1)),
		"a count that is no number":  at(2, pulses, 1, 1.5),
		"a count beyond 2^53":        at(2, pulses, 1, 1e17),
		"a state that is no index":   at(2, state, 1, 0.5),
		"a state beyond 32 bits":     at(2, state, 1, 1e10),
		"a sensor that is no device": at(2, slash, 1, 1),
		"a time before 1970":         at(2, air, -2_000_000_000, 1),
		"no datastream":              at(2, nil, 1, 1),
	} {
		t.Run(name, func(t *testing.T) {
			r := connected(t)
			err := r.city.Publish(t.Context(), live(at(1, air, 1, 1), o, at(3, air, 2, 2)))
			var refused *agent.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Len(t, refused.Refused, 1)
			assert.NotEmpty(t, refused.Refused[2])
			assert.Equal(t, []uint64{1, 3}, received(r.desk, 7), "the others are there")
		})
	}
}

func TestNotices(t *testing.T) {
	r := connected(t)
	told := []agent.Notice{{ID: 1, Kind: agent.NoticeLoss, Epoch: 7, Time: noon, From: 3, To: 4, Cause: "disk full"}, heartbeat()}
	require.NoError(t, r.city.Notify(t.Context(), told))

	data := r.events("NDATA")
	rule(t, "topics-ndata-topic", func(t *testing.T) { assert.Equal(t, "spBv1.0/lamppost/NDATA/lamp-042", data[0].Topic) })
	rule(t, "topics-ndata-mqtt", func(t *testing.T) {
		assert.Zero(t, data[0].QoS)
		assert.False(t, data[0].Retained)
	})
	rule(t, "payloads-metric-datatype-not-req", func(t *testing.T) { assert.Zero(t, data[0].Metrics[0].Datatype) })
	rule(t, "payloads-alias-data-cmd-requirement", func(t *testing.T) {
		assert.Empty(t, data[0].Metrics[0].Name)
		assert.Equal(t, find(t, r.events("NBIRTH")[0], "Notice").Alias, data[0].Metrics[0].Alias)
	})
	rule(t, "payloads-ndata-seq-inc", func(t *testing.T) { assert.Equal(t, []int{4, 5}, []int{data[0].Seq, data[1].Seq}) })
	notices := r.desk.Received("lamp-042").Notices
	require.Len(t, notices, 2)
	assert.Equal(t, "disk full", notices[0].Cause)
	assert.EqualValues(t, 600, notices[1].Heartbeat.AcceptedTo)
	require.NoError(t, r.city.Notify(t.Context(), nil))
}

// TestBytes keeps what an observation costs on the wire within bounds.
func TestBytes(t *testing.T) {
	r := connected(t)
	for name, tt := range map[string]struct {
		ds   []*agent.Datastream
		n    int
		most float64
	}{
		"a live value":             {[]*agent.Datastream{air}, 1, 160},
		"a thousand of one sensor": {[]*agent.Datastream{air, humid}, 1000, 92},
	} {
		t.Run(name, func(t *testing.T) {
			r.forget()
			var obs []agent.Observation
			for i := range tt.n {
				obs = append(obs, at(uint64(1_000_000+i), tt.ds[i%len(tt.ds)], i, 21.53))
			}
			r.publish(live(obs...))
			sum := 0
			for _, e := range r.events("DDATA") {
				sum += e.Bytes + len(e.Topic) + 5 // and the head of an MQTT packet
			}
			each := float64(sum) / float64(tt.n)
			t.Logf("%.1f bytes an observation", each)
			assert.LessOrEqual(t, each, tt.most, fmt.Sprintf("%d observations in %d bytes", tt.n, sum))
		})
	}
}

// A gateway without a clock that ran ahead goes on with values that are older by
// their times, and are current all the same.
func TestClockThatIsSetBack(t *testing.T) {
	r := connected(t)
	ahead := at(1, air, 3600, 21)
	ahead.Boot, ahead.Quality = 7, agent.ClockUnset
	r.publish(live(ahead))
	r.publish(live(at(2, air, 1, 22)))
	r.publish(live(at(3, air, 0, 23)))

	data := r.events("DDATA")
	require.Len(t, data, 3)
	assert.False(t, data[1].Metrics[0].Historical, "the clock was set")
	assert.True(t, data[2].Metrics[0].Historical, "this one is older")

	r = connected(t)
	r.publish(live(ahead, at(2, air, 1, 22)))
	assert.Equal(t, 22.0, r.state().Current["roof-air/airTemperature"].Value, "the last in one message, too")
}
