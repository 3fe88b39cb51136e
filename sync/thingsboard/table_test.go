package thingsboard_test

import (
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/thingsboard"
	"github.com/lamppost-city/lamppost/sync/thingsboard"
)

func unknown(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	var (
		retry   *agent.RetryError
		refused *agent.RefusedError
	)
	assert.Falsef(t, errors.As(err, &retry) || errors.As(err, &refused), "nobody knows: %v", err)
}

// TestTable has the topics and facts of ThingsBoard.
func TestTable(t *testing.T) {
	for name, row := range map[string]func(*testing.T){
		"v1/gateway/connect sets the profile":             rowConnect,
		"v1/gateway/telemetry has arrays":                 rowTelemetry,
		"v1/gateway/attributes has the place":             rowAttributes,
		"v1/devices/me/telemetry has notices":             rowOwn,
		"access token as user name":                       rowToken,
		"ts and values both":                              rowTime,
		"more than 16 decimals throw":                     rowScale,
		"integers beyond int64 throw":                     rowInt64,
		"error PUBACK looks like success and then closes": rowErrorAck,
		"PUBACK lost":                                     rowNoAck,
		"at most 65536 bytes":                             rowLarge,
		"replays are idempotent by entity, key and ts":    rowReplay,
		"late data never takes the place of the newest":   rowLate,
		"quality, span, boot and mono are keys":           rowDoubt,
		"ack broker believes the PUBACK":                  rowAckBroker,
	} {
		t.Run(name, row)
	}
}

func rowConnect(t *testing.T) {
	b := newBench(t, "")
	b.dial(t)
	d, ok := b.Device(roofAir)
	require.True(t, ok)
	assert.Equal(t, "sht4x", d.Profile)
}

func rowTelemetry(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)

	require.NoError(t, c.Publish(t.Context(), of(0xabc, one(1, air, 1, 21.43), one(2, humid, 1, 48.12), one(3, door, 1, 1), one(4, air, 2, 21.5))))

	assert.Equal(t, "21.43", string(b.Row(roofAir, "airTemperature", noon.Add(time.Second))))
	assert.Equal(t, "48.12", string(b.Row(roofAir, "relativeHumidity", noon.Add(time.Second))))
	assert.Equal(t, "21.5", string(b.Row(roofAir, "airTemperature", noon.Add(2*time.Second))))
	assert.Equal(t, "1", string(b.Row("lamp-042:door", "open", noon.Add(time.Second))))
	assert.Equal(t, []uint64{1, 2, 3, 4}, b.received(0xabc))
	assert.NotContains(t, b.log.String(), "skipped")
	assert.Equal(t, 21.5, b.city.Received("lamp-042").Latest["roof-air/airTemperature"].Value)
}

func rowAttributes(t *testing.T) {
	b := newBench(t, "")
	b.dial(t)
	d, _ := b.Device(roofAir)
	got := map[string]string{}
	for key, v := range d.Attributes {
		got[key] = string(v)
	}
	assert.Equal(t, map[string]string{
		"thing": `"lamp-042"`, "sensor": `"roof-air"`, "driver": `"sht4x"`, "place": `"Lamp post 42"`, "longitude": "6.6323", "latitude": "46.5197", "altitude": "412",
		"units": `{"airTemperature":"Cel","relativeHumidity":"%"}`,
	}, got)
}

func rowOwn(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	require.NoError(t, c.Publish(t.Context(), batch(0xabc, 1, 5)))

	require.NoError(t, c.Notify(t.Context(), []agent.Notice{
		{ID: 1, Kind: agent.NoticeLoss, Time: noon, Epoch: 0xabc, From: 6, To: 6, Count: 1, Cause: `"disk" full`},
		{ID: 2, Kind: agent.NoticeWindow, Time: noon, Epoch: 0xabc, From: 7, To: 9},
		{Kind: agent.NoticeHeartbeat, Time: noon, Epoch: 0xabc, Heartbeat: &agent.Heartbeat{Since: 1, AcceptedTo: 9}},
	}))

	assert.True(t, b.city.Books("lamp-042").Closed)
	assert.Equal(t, `"disk" full`, b.city.Received("lamp-042").Notices[0].Cause)
	d, _ := b.Device("lamp-042-thingsboard")
	assert.Equal(t, 6, d.Rows, "each has a ts of its own")
}

func rowToken(t *testing.T) {
	b := newBench(t, "")
	wrong := secret(t, "other-token")
	good := b.set
	b.set = func(s *thingsboard.Settings) { good(s); s.TokenFile = wrong }
	_, err := b.try(t.Context(), thing)
	require.ErrorContains(t, err, "token_file")
	assert.NotContains(t, err.Error(), "other-token")
	b.set = func(s *thingsboard.Settings) { good(s); s.TokenFile = "/nowhere" }
	_, err = b.try(t.Context(), thing)
	require.ErrorContains(t, err, "token_file")
	b.set = func(s *thingsboard.Settings) { good(s); s.TokenFile, s.Username = "", token }
	b.dial(t)
	b.set = func(s *thingsboard.Settings) { good(s); s.Username = token }
	_, err = b.try(t.Context(), thing)
	assert.ErrorContains(t, err, "choose one")
}

func rowTime(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	require.NoError(t, c.Publish(t.Context(), of(1, one(1, air, 1, 0))))
	assert.Equal(t, "0", string(b.Row(roofAir, "airTemperature", noon.Add(time.Second))), "not at the time of arrival")
	d, _ := b.Device(roofAir)
	assert.Equal(t, 3, d.Rows, "value, seq, epoch")
	early := one(2, air, 1, 1)
	early.Time = time.Time{}
	var refused *agent.RefusedError
	require.ErrorAs(t, c.Publish(t.Context(), of(1, early)), &refused)
}

func rowScale(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	require.NoError(t, c.Publish(t.Context(), of(1, one(1, air, 1, 1e-20), one(2, air, 2, 0.1234567890123456789e-3), one(3, air, 3, 1e21/3e5))))
	assert.Equal(t, []uint64{1, 2, 3}, b.received(1))
}

func rowInt64(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	err := c.Publish(t.Context(), of(1, one(1, air, 1, 1e19), one(2, air, 2, 1<<62), one(3, air, 3, math.Inf(1))))
	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Len(t, refused.Refused, 2)
	assert.Contains(t, refused.Refused[1], "too large")
	assert.Equal(t, []uint64{2}, b.received(1))
}

func rowErrorAck(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	b.Set(func(f *double.Faults) { f.Fail = 1 })

	err := c.Publish(t.Context(), batch(1, 1, 5))

	unknown(t, err)
	<-c.Lost()
	assert.Empty(t, b.received(1))
	b.Set(func(f *double.Faults) { f.Spare, f.Fail = 1, 1 })
	c, err = b.try(t.Context(), thing)
	require.NoError(t, err)
	defer c.Close()
	require.Error(t, c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil), "an announcement too")
	c = b.dial(t)
	b.Set(func(f *double.Faults) { f.Fail = 1 })
	require.Error(t, c.Notify(t.Context(), []agent.Notice{{ID: 1, Kind: agent.NoticeClock, Time: noon, Epoch: 1}}), "and a notice")
	assert.Empty(t, b.city.Received("lamp-042").Notices)
	require.NoError(t, b.dial(t).Publish(t.Context(), batch(1, 1, 5)))
	assert.Len(t, b.received(1), 5)
}

func rowNoAck(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	b.Set(func(f *double.Faults) { f.NoAck = 1 })
	unknown(t, c.Publish(t.Context(), batch(1, 1, 5)))
	require.NoError(t, b.dial(t).Publish(t.Context(), batch(1, 1, 5)))
	assert.EqualValues(t, 5, b.city.Received("lamp-042").Duplicates)
}

func rowLarge(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	big := batch(1, 1, 3000)
	for i := range big.Observations {
		if i%7 == 0 {
			big.Observations[i].Datastream = door
		}
	}
	require.NoError(t, c.Publish(t.Context(), big), "cut into messages")
	assert.Len(t, b.received(1), 3000)
}

func rowReplay(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	b := newBench(t, store)
	c := b.dial(t)
	for range 2 {
		require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)))
	}
	d, _ := b.Device(roofAir)
	assert.Equal(t, 15, d.Rows)
	assert.EqualValues(t, 5, b.city.Received("lamp-042").Duplicates)
	require.NoError(t, c.Close())
	require.NoError(t, b.city.Close())

	b = newBench(t, store)
	require.NoError(t, b.dial(t).Publish(t.Context(), batch(1, 1, 6)))
	d, _ = b.Device(roofAir)
	assert.Equal(t, 18, d.Rows, "a restart has forgotten nothing")
	assert.EqualValues(t, 6, b.city.Received("lamp-042").Distinct)
}

func rowLate(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	_, paced := c.(agent.Pacer)
	assert.False(t, paced, "so live observations go before the backlog")
	require.NoError(t, c.Publish(t.Context(), batch(1, 9, 9)))
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)))
	d, _ := b.Device(roofAir)
	assert.Equal(t, "2.25", string(d.Latest["airTemperature"]))
}

func rowDoubt(t *testing.T) {
	b := newBench(t, "")
	c := b.dial(t)
	doubtful := one(1, air, 1, 20)
	doubtful.Quality, doubtful.Span = agent.Suspect|agent.ClockUnset, time.Minute
	good := one(2, humid, 1, 50)
	doubtful.Boot, doubtful.Mono, good.Boot, good.Mono = 7, 1500*time.Millisecond, 7, 1500*time.Millisecond

	require.NoError(t, c.Publish(t.Context(), of(1, doubtful, good)))

	at := noon.Add(time.Second)
	for key, want := range map[string]string{
		"airTemperature_quality": `"clock-unset,suspect"`, "airTemperature_span": "60", "relativeHumidity_quality": "", "boot": "7", "mono": "1.5", "seq": "2",
	} {
		assert.Equal(t, want, string(b.Row(roofAir, key, at)), key)
	}
	assert.Equal(t, []uint64{1, 2}, b.received(1), "one entry, though one is in doubt: else their keys would share a row")
	assert.Equal(t, "clock-unset,suspect", b.city.Received("lamp-042").Latest["roof-air/airTemperature"].Quality)
}

func rowAckBroker(t *testing.T) {
	b := newBench(t, "")
	b.ack = agent.AckBroker
	c := b.dial(t)
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)))
	assert.Len(t, b.received(1), 5)
}

func TestCheckAndAcks(t *testing.T) {
	b := newBench(t, "")
	p, err := b.configured()
	require.NoError(t, err)
	assert.Equal(t, []agent.Ack{agent.AckQueued, agent.AckBroker}, p.Acks)
	assert.NoError(t, p.Check(thing, []agent.Property{agent.AirTemperature, agent.SensorState}))
	for _, name := range []string{"seq", "epoch", "boot", "mono", "air_quality", "x_span"} {
		assert.ErrorContains(t, p.Check(thing, []agent.Property{{Name: name, Unit: "1"}}), "needs the name for itself")
	}
}
