package sparkplug

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStateTimestamps(t *testing.T) {
	t.Run("tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp", func(t *testing.T) {
		h := newHost("scada")
		for i, tt := range []struct {
			online bool
			at     int
			want   bool
		}{
			{true, 5, true},
			{false, 4, true}, // an older death comes late
			{false, 5, false},
			{true, 4, false}, // an older birth
			{true, 5, true},
			{false, 6, false},
		} {
			require.NoError(t, h.tell(fmt.Appendf(nil, `{"online":%t,"timestamp":%d}`, tt.online, tt.at)))
			online, _, _ := h.look()
			assert.Equalf(t, tt.want, online, "%d", i)
		}
		_, heard, _ := h.look()
		assert.EqualValues(t, 4, heard, "what is older was not heard")
	})
}
