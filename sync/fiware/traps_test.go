package fiware_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/mqttlink"
)

const (
	roofAir = "urn:ngsi-ld:WeatherObserved:lamp-042:roof-air"
	doorID  = "urn:ngsi-ld:Device:lamp-042:door"
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

func retried(t *testing.T, err error) {
	t.Helper()
	var retry *agent.RetryError
	require.ErrorAs(t, err, &retry)
}

// provisioned asks the north API.
func provisioned(t *testing.T, b *bench, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.city.HTTPAddr()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Fiware-Service", "lausanne")
	r.Header.Set("Fiware-ServicePath", "/")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// TestTraps has the traps of FIWARE by their numbers.
func TestTraps(t *testing.T) {
	for name, trap := range map[string]func(*testing.T){
		"F1 explicitAttrs without TimeInstant":       trap1,
		"F2 array of one":                            trap2,
		"F3 PUBACK while the context broker is down": trap3,
		"F4 status 200 with an error":                trap4,
		"F5 older value regresses the current":       trap5,
		"F6 what a group does not name stays":        trap6,
		"F7 command results move TimeInstant":        trap7,
		"F8 bad timestamp fails the batch":           trap8,
		"F9 NGSI-LD takes an entity once":            trap9,
		"F10 shared subscriptions":                   trap10,
		"F11 forgotten devices":                      trap11,
		"F12 relative humidity is 0 to 1":            trap12,
		"F13 a wiped buffer":                         trap13,
	} {
		t.Run(name, trap)
	}
}

func trap1(t *testing.T) {
	for attributes, ok := range map[string]bool{`[]`: false, `[{"name":"TimeInstant","type":"DateTime"}]`: true} {
		b := newBench(t, ways[0])
		status, _ := provisioned(t, b, "POST", "/iot/groups", `{"groups":[{"apikey":"`+apiKey+`","resource":"/iot/json","entity_type":"Device","explicitAttrs":true,"attributes":`+attributes+`}]}`)
		require.Equal(t, 201, status)
		c, err := b.try(t.Context(), thing, nil)
		require.NoError(t, err)
		defer c.Close()

		err = c.Announce(t.Context(), thing, []*agent.Datastream{air}, nil)

		if ok {
			require.NoError(t, err)
			require.NoError(t, c.Publish(t.Context(), batch(1, 1, 3)))
			assert.Equal(t, "2026-11-21T10:00:03.000Z", b.Entity(roofAir)["temperature"].Meta["TimeInstant"])
			continue
		}
		assert.ErrorContains(t, err, "explicitAttrs")
		assert.NotContains(t, err.Error(), apiKey)
	}
}

func trap2(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)

	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)))

	assert.Equal(t, 0.25, b.Entity(roofAir)["temperature"].Value)
	assert.NotContains(t, b.Entity(roofAir), "0", "no array of one")
}

func trap3(t *testing.T) {
	for _, w := range ways[:2] {
		b := newBench(t, w)
		c := b.dial(t, nil)
		b.Set(func(f *double.Faults) { f.Down = true })

		err := c.Publish(t.Context(), batch(1, 1, 5))

		unknown(t, err)
		assert.Empty(t, b.received(1), "acknowledged by the broker, and lost")
		b.Set(func(f *double.Faults) { f.Down = false })
		require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)))
		assert.Len(t, b.received(1), 5)
	}
}

func trap4(t *testing.T) {
	for status, judge := range map[int]func(*testing.T, error){404: retried, 207: unknown} {
		b := newBench(t, ways[2])
		c := b.dial(t, nil)
		b.Set(func(f *double.Faults) { f.Broker = status })

		err := c.Publish(t.Context(), batch(1, 1, 1))

		judge(t, err)
		assert.Empty(t, b.received(1))
	}
}

func trap5(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)

	assert.True(t, c.(agent.Pacer).Pace().InOrder, "so no late value is sent after a newer one")

	require.NoError(t, c.Publish(t.Context(), batch(1, 9, 9)))
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 1)), "if it must be, it is confirmed all the same")
	assert.Equal(t, 0.25, b.Entity(roofAir)["temperature"].Value, "the platform regresses")
}

func trap6(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, w)
		b.Open = true
		c := b.dial(t, func(s *fiware.Settings) { s.NorthURL = "" })
		doubtful := one(1, air, 1, 20)
		doubtful.Quality, doubtful.Span, doubtful.Boot, doubtful.Mono = agent.Suspect|agent.ClockUnset, time.Minute, 7, 1500*time.Millisecond
		require.NoError(t, c.Publish(t.Context(), of(1, doubtful)))
		e := b.Entity("Device:lamp-042:roof-air")
		assert.Equal(t, []any{"clock-unset,suspect", 60.0, 7.0, 1.5}, []any{e["quality"].Value, e["span"].Value, e["boot"].Value, e["mono"].Value})

		require.NoError(t, c.Publish(t.Context(), of(1, one(2, humid, 2, 50))))

		e = b.Entity("Device:lamp-042:roof-air")
		assert.Equal(t, "2026-11-21T10:00:01.000Z", e["airTemperature"].Meta["TimeInstant"])
		assert.Equal(t, "2026-11-21T10:00:02.000Z", e["relativeHumidity"].Meta["TimeInstant"], "each has its own time")
		assert.Equal(t, []any{"good", 0.0, 0.0, 0.0}, []any{e["quality"].Value, e["span"].Value, e["boot"].Value, e["mono"].Value}, "the doubt about another value is gone")
		assert.Equal(t, []uint64{1, 2}, b.received(1))
	}
}

func trap7(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)))
	other, err := mqttlink.Connect(t.Context(), mqttlink.Settings{URL: "mqtt://" + b.city.Addr()}, mqttlink.Options{ClientID: "lamp"})
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Publish(t.Context(), "/json/"+apiKey+"/lamp-042:roof-air/cmdexe", []byte(`{"blink":"done"}`), false))
	require.NotEqual(t, "2026-11-21T10:00:05.000Z", b.Entity(roofAir)["TimeInstant"].Value, "it moves")

	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 5))

	require.NoError(t, err)
	assert.Equal(t, []uint64{1, 2, 3, 4, 5}, have, "the keys do not")
	require.NoError(t, c.Publish(t.Context(), batch(1, 6, 9)))
}

func trap8(t *testing.T) {
	b := newBench(t, ways[2])
	c := b.dial(t, nil)
	bad := batch(1, 1, 4)
	bad.Observations[2].Time = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.Set(func(f *double.Faults) {
		f.South = []double.Answer{{Status: 400, Body: `{"name":"BAD_TIMESTAMP","message":"Invalid timestamp"}`}} // halves it
	})

	err := c.Publish(t.Context(), bad)

	var refused *agent.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Len(t, refused.Refused, 1)
	assert.Contains(t, refused.Refused[3], "year")
	assert.Equal(t, []uint64{1, 2, 4}, b.received(1), "the others are there")
}

func trap9(t *testing.T) {
	for _, w := range ways {
		for _, ld := range []bool{true, false} {
			b := newBench(t, w)
			c := b.dial(t, func(s *fiware.Settings) { s.LD = ld })
			b.Set(func(f *double.Faults) { f.LinkedLD = true })

			err := c.Publish(t.Context(), batch(1, 1, 5))

			if !ld && !w.http {
				unknown(t, err) // nobody says what is wrong over MQTT
				continue
			}
			require.NoErrorf(t, err, "%s %v", w.name, ld)
			assert.Len(t, b.received(1), 5)
		}
	}
}

func trap10(t *testing.T) {
	b := newBench(t, ways[1])
	c := b.dial(t, nil)
	b.Set(func(f *double.Faults) { f.Deaf = true })

	err := c.Publish(t.Context(), batch(1, 1, 5))

	unknown(t, err)
	assert.ErrorContains(t, err, "shared subscriptions")
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 5))
	assert.NoError(t, err, "an entity that was never made has no answer either")
	assert.Empty(t, have)
}

func trap11(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	b.Forget()
	unknown(t, c.Publish(t.Context(), batch(1, 1, 5)))
	require.NoError(t, b.dial(t, nil).Publish(t.Context(), batch(1, 1, 5)), "a new connection provisions again")
	assert.Len(t, b.received(1), 5)

	b = newBench(t, ways[2])
	c = b.dial(t, nil)
	b.Forget()
	retried(t, c.Publish(t.Context(), batch(1, 1, 5)))
	require.NoError(t, c.Publish(t.Context(), batch(1, 1, 5)), "over HTTP the agent says so, and it is provisioned at once")
	assert.Len(t, b.received(1), 5)
}

func trap12(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)

	require.NoError(t, c.Publish(t.Context(), of(1, one(1, air, 1, 21.43), one(2, humid, 1, 48.12))))

	e := b.Entity(roofAir)
	assert.Equal(t, 0.4812, e["relativeHumidity"].Value)
	assert.Equal(t, "C62", e["relativeHumidity"].Meta["unitCode"])
	assert.Equal(t, 21.43, e["temperature"].Value)
	assert.Equal(t, "CEL", e["temperature"].Meta["unitCode"])
	assert.Equal(t, e["TimeInstant"].Value, e["dateObserved"].Value, "the model wants it")
	assert.Equal(t, map[string]any{"type": "Point", "coordinates": []any{6.6323, 46.5197}}, e["location"].Value)
}

func trap13(t *testing.T) {
	for _, w := range ways[:2] {
		b := newBench(t, w)
		c := b.dial(t, nil)
		require.NoError(t, c.Publish(t.Context(), batch(1, 1, 10)))
		b.Set(func(f *double.Faults) { f.Poison = func(map[string]any) bool { return true } })

		err := c.Publish(t.Context(), batch(2, 1, 10))

		unknown(t, err)
		have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(2, 1, 10))
		require.NoError(t, err)
		assert.Empty(t, have, "the old Seq does not confirm the new epoch")
		have, err = c.(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 10))
		require.NoError(t, err)
		assert.Len(t, have, 10)
	}
}

// A higher Seq proves nothing: the uplink sends what it suspects after the rest.
func TestLaterSeqDoesNotConfirm(t *testing.T) {
	b := newBench(t, ways[0])
	c := b.dial(t, nil)
	poison := func(m map[string]any) bool { return fmt.Sprint(m["seq"]) == "3" }
	b.Set(func(f *double.Faults) { f.Poison = poison })
	unknown(t, c.Publish(t.Context(), batch(1, 1, 5)))
	require.NoError(t, c.Publish(t.Context(), batch(1, 6, 10)))

	unknown(t, c.Publish(t.Context(), batch(1, 1, 5)))
	unknown(t, c.Publish(t.Context(), batch(1, 1, 10)))
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), batch(1, 1, 10))

	require.NoError(t, err)
	assert.Empty(t, have, "6 to 10 were sent as another batch")
	assert.Equal(t, []uint64{6, 7, 8, 9, 10}, b.received(1))
}
