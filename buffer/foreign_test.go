package buffer

import (
	"math"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A record that is refused as a whole uses no Seq.
func TestForeignDatastreamUsesNoSeq(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	ds, err := b.Datastream(temperature)
	require.NoError(t, err)
	foreign := rain
	foreign.ID = 99
	assert.Error(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now()}, {Datastream: &foreign, Time: time.Now()}}))
	assert.Error(t, b.Record([]agent.Observation{{Time: time.Now()}}))
	record(t, b, temperature, 1)
	assert.Equal(t, from(1, 1), numbers(b.Cursor("a").Backlog(10)))
}

// What is no number is not recorded: the books could not be written any more.
func TestNoNumberIsRecorded(t *testing.T) {
	b := open(t, options(t.TempDir(), "a"))
	ds, err := b.Datastream(rain)
	require.NoError(t, err)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.ErrorContains(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now(), Value: v}}), "no value")
	}
	assert.Zero(t, b.Stats().Pending)
	record(t, b, rain, 1)
	require.NoError(t, b.Commit())
}
