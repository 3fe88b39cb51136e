package buffer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a city refuses is accepted when the ledger says so on flash: before that a
// power cut takes the entry with it.
func TestRefusedIsAcceptedWhenItIsInTheLedger(t *testing.T) {
	o := options(t.TempDir(), "a")
	var lines bytes.Buffer
	o.Witness = &lines
	b := open(t, o)
	hold(b)
	record(t, b, temperature, 2)
	c := b.Cursor("a")
	c.Settle(c.Backlog(2), map[uint64]string{1: "no"})
	s := closes(t, b)
	assert.EqualValues(t, 1, s.Pending)
	assert.EqualValues(t, 1, s.Accepted)
	e := s.Epoch
	assert.Equal(t, strings.ReplaceAll("recorded E 1-1\nrecorded E 2-2\naccepted E 2-2\n", "E", e), lines.String())
	require.NoError(t, b.Commit())
	after := closes(t, open(t, options(crash(t, o.Dir), "a")))
	assert.EqualValues(t, 2, after.Accepted)
	assert.EqualValues(t, 1, after.Cities[0].Ledgered)
}
