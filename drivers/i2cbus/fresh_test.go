package i2cbus_test

import (
	"testing"

	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What another program left on, or the agent when it was killed, is switched off
// before a part behind it can answer for another one.
func TestChannelOnFromBefore(t *testing.T) {
	b := &bench{Host: new(sim.Host), mux: new(sim.Mux)}
	b.AddI2C("1", 0x70, b.mux)
	b.AddI2C("1/mux@70/0", 0x44, labelled(0x0f))
	b.AddI2C("1/mux@72/5", 0x44, labelled(0x3c))
	require.NoError(t, b.mux.Write([]byte{0x01}))
	_, err := b.I2C("1/mux@70/0")
	require.NoError(t, err)
	b.record(nil)
	for range 2 {
		got, err := b.read(t, "1/mux@72/5", 0x44)
		require.NoError(t, err)
		assert.EqualValues(t, 0x3c, got, "0x0c is what two say together")
	}
	assert.Equal(t, []string{"70:00:0", "72:00:0", "72:20:0", "44:00:1", "72::1", "72:00:0", "72:20:0", "44:00:1", "72::1", "72:00:0"}, b.ops, "once")
}
