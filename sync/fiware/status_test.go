package fiware_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/fiware"
	"github.com/lamppost-city/lamppost/sync/fiware"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// TestStatus has the rows of the table of statuses.
func TestStatus(t *testing.T) {
	const stored, retry, slow, refuse, unclear = "stored", "retry", "retry slowly", "refused", "unknown"
	south := func(status int, body string) func(*double.Faults) {
		return func(f *double.Faults) {
			for range 8 {
				f.South = append(f.South, double.Answer{Status: status, Body: body})
			}
		}
	}
	for name, row := range map[string]struct {
		fault func(*double.Faults)
		want  string
	}{
		"204 stored":                            {func(*double.Faults) {}, stored},
		"207":                                   {func(f *double.Faults) { f.Broker = 207 }, unclear},
		"404 without error key is 200":          {func(f *double.Faults) { f.Broker = 404 }, retry},
		"400":                                   {func(f *double.Faults) { f.Broker = 400 }, refuse},
		"422":                                   {func(f *double.Faults) { f.Broker = 422 }, refuse},
		"401 is 500 ACCESS_FORBIDDEN":           {func(f *double.Faults) { f.Broker = 401 }, slow},
		"403 is 500 ACCESS_FORBIDDEN":           {func(f *double.Faults) { f.Broker = 403 }, slow},
		"500":                                   {func(f *double.Faults) { f.Broker = 500 }, retry},
		"503":                                   {func(f *double.Faults) { f.Broker = 503 }, retry},
		"502 HTML page is 500 SyntaxError":      {func(f *double.Faults) { f.Broker = 502 }, retry},
		"connection refused":                    {func(f *double.Faults) { f.Down = true }, retry},
		"unknown device":                        {south(404, `{"name":"DEVICE_NOT_FOUND"}`), retry},
		"wrong apikey":                          {south(404, `{"name":"DEVICE_GROUP_NOT_FOUND","message":"`+apiKey+`"}`), slow},
		"bad JSON":                              {south(400, `{"name":"SyntaxError"}`), refuse},
		"missing k or i":                        {south(400, `{"name":"MANDATORY_PARAMS_NOT_FOUND"}`), slow},
		"one bad time in batch":                 {south(400, `{"name":"BAD_TIMESTAMP"}`), refuse},
		"more than 1 MB":                        {south(413, `{"name":"PayloadTooLargeError"}`), refuse},
		"the context broker timed out":          {south(500, `{"name":"RequestError","message":"ESOCKETTIMEDOUT"}`), unclear},
		"504 of a gateway on the way":           {south(504, ``), unclear},
		"502 of a gateway on the way":           {south(502, `<html>`), unclear},
		"400 of a gateway on the way":           {south(400, `<html>`), slow},
		"404 of a gateway on the way":           {south(404, `<html>`), slow},
		"401 of a gateway on the way":           {south(401, ``), slow},
		"429":                                   {south(429, ``), retry},
		"200 with a page":                       {south(200, `<html>`), unclear},
		"answer lost after it was stored":       {func(f *double.Faults) { f.South = []double.Answer{{Taken: true, Cut: true}} }, unclear},
		"200 with commands in place of nothing": {south(200, `{"blink":{"times":3}}`), unclear},
	} {
		for _, w := range ways[2:] {
			t.Run(name+" "+w.encoding, func(t *testing.T) {
				b := newBench(t, w)
				b.Open = true
				c := b.dial(t, func(s *fiware.Settings) { s.NorthURL = "" })
				b.Set(row.fault)

				err := c.Publish(t.Context(), batch(1, 1, 1))

				var (
					again   *agent.RetryError
					refused *agent.RefusedError
				)
				switch {
				case err == nil:
					assert.Equal(t, row.want, stored)
					assert.Len(t, b.received(1), 1)
					return
				case errors.As(err, &again) && again.After >= time.Minute:
					assert.Equal(t, row.want, slow)
				case errors.As(err, &again):
					assert.Equal(t, row.want, retry)
				case errors.As(err, &refused):
					assert.Equal(t, row.want, refuse)
				default:
					assert.Equal(t, row.want, unclear)
				}
				assert.NotContains(t, err.Error()+b.log.String(), apiKey, "a secret")
			})
		}
	}
}

// One observation that nobody takes keeps no other waiting.
func TestPoisonIsFound(t *testing.T) {
	for _, status := range []int{400, 413} {
		b := newBench(t, ways[2])
		c := b.dial(t, nil)
		b.Set(func(f *double.Faults) {
			f.Poison = func(m map[string]any) bool { return m["seq"] == 37.0 }
			if status == 413 { // the first is too large, and then all is well
				f.Poison, f.South = nil, []double.Answer{{Status: 413, Body: `{"name":"PayloadTooLargeError"}`}}
			}
		})

		err := c.Publish(t.Context(), batch(1, 1, 250))

		if status == 413 {
			require.NoError(t, err)
			assert.Len(t, b.received(1), 250)
			continue
		}
		var refused *agent.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.Len(t, refused.Refused, 1)
		assert.Contains(t, refused.Refused[37], "ENTITY_GENERIC_ERROR")
		assert.Len(t, b.received(1), 249)
	}
}

// A batch for two devices is not "surely not taken" if one of them has its part.
func TestRetryOnlyIfNothingWasTaken(t *testing.T) {
	b := newBench(t, ways[2])
	c := b.dial(t, nil)
	both := of(1, one(1, air, 1, 20), one(2, door, 1, 1))
	b.Set(func(f *double.Faults) { f.South = []double.Answer{{Status: 503}} })
	err := c.Publish(t.Context(), both)
	unknown(t, err)
	var left *uplink.LeftOut
	require.ErrorAs(t, err, &left)
	assert.Len(t, left.Seqs, 1)
	assert.Len(t, b.received(1), 1)
	assert.False(t, left.Seqs[b.received(1)[0]], "the other one")
	b.Set(func(f *double.Faults) { f.South = []double.Answer{{Status: 503}, {Status: 503}} })
	retried(t, c.Publish(t.Context(), both))
	b.Set(func(f *double.Faults) { f.South = []double.Answer{{}, {Status: 503}} })
	unknown(t, c.Publish(t.Context(), batch(1, 10, 150)))
}

func TestAlarmIsToldOnce(t *testing.T) {
	b := newBench(t, ways[2])
	c := b.dial(t, nil)
	b.Set(func(f *double.Faults) { f.Broker = 403 })
	for range 3 {
		retried(t, c.Publish(t.Context(), batch(1, 1, 1)))
	}
	assert.Equal(t, 1, strings.Count(b.log.String(), "ask who runs the platform"))
}
