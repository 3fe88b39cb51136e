package buffer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// An alarm that waited is handed out before all else, with all of its instant, once.
func TestUrgent(t *testing.T) {
	b := open(t, options(t.TempDir(), "a", "b"))
	record(t, b, temperature, 100)
	air, err := b.Datastream(temperature)
	require.NoError(t, err)
	want := temperature
	want.Name, want.Property, want.Class = "roof-air/airTemperature.frost", agent.Property{Name: "airTemperature.frost", Unit: "1", Kind: agent.State}, agent.Alarm
	frost, err := b.Datastream(want)
	require.NoError(t, err)
	now := time.Now()
	require.NoError(t, b.Record([]agent.Observation{{Datastream: air, Time: now, Value: -1}, {Datastream: frost, Time: now, Value: 1}}))
	record(t, b, temperature, 100)
	require.NoError(t, b.Commit())

	c := b.Cursor("a")
	assert.Empty(t, c.Urgent(10).Observations, "not before Connected")
	c.Connected(false)
	assert.Empty(t, c.Urgent(10).Observations, "all goes in its order")
	c.Connected(true)
	batch := c.Urgent(10)
	assert.Equal(t, from(101, 102), numbers(batch))
	assert.Empty(t, c.Urgent(10).Observations, "it is handed out")
	c.Release(batch)
	batch = c.Urgent(10)
	assert.Equal(t, from(101, 102), numbers(batch))
	c.Settle(batch, nil)
	assert.Empty(t, c.Urgent(10).Observations)
	assert.Equal(t, 200, drain(c), "the rest is as it was")

	c = b.Cursor("b")
	c.Connected(true)
	assert.Equal(t, from(101, 102), numbers(c.Urgent(10)), "another city lacks it still")
	closes(t, b)
}
