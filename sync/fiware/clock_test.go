package fiware_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/fiware"
)

// What comes after the clock was set is what the platform shows in the end, though
// its times are older.
func TestClockThatIsSetBack(t *testing.T) {
	for _, w := range ways {
		b := newBench(t, w)
		b.Open = true
		c := b.dial(t, func(s *fiware.Settings) { s.NorthURL = "" })
		ahead := one(1, air, 3600, 20)
		ahead.Boot, ahead.Quality = 7, agent.ClockUnset

		require.NoError(t, c.Publish(t.Context(), of(1, ahead, one(2, air, 1, 21))))

		assert.Equal(t, 21.0, b.Entity("Device:lamp-042:roof-air")["airTemperature"].Value, w.name)
		assert.Equal(t, []uint64{1, 2}, b.received(1))
	}
}
