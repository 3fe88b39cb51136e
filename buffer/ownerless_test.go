package buffer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is recorded while no city is configured is kept for the one to come,
// also when that is one that was there before.
func TestKeptForTheCityThatComesBack(t *testing.T) {
	dir := t.TempDir()
	b := open(t, options(dir, "a"))
	record(t, b, temperature, 10)
	c := b.Cursor("a")
	c.Settle(c.Backlog(4), nil)
	require.NoError(t, b.Close())

	b = open(t, options(dir))
	record(t, b, temperature, 10)
	require.NoError(t, b.Close())

	b = open(t, options(dir, "a"))
	record(t, b, temperature, 1)
	require.NoError(t, b.Commit())
	s := closes(t, b)
	assert.EqualValues(t, 21, s.Accepted)
	assert.EqualValues(t, 4, s.Cities[0].Delivered)
	assert.EqualValues(t, 17, s.Cities[0].Waiting)
	assert.Equal(t, from(5, 21), append(numbers(b.Cursor("a").Backlog(6)), numbers(b.Cursor("a").Backlog(100))...))
}

// While another city was configured, what came then was never owed to the one
// that was not.
func TestNotOwedWhileAnotherWasThere(t *testing.T) {
	dir := t.TempDir()
	for _, cities := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
		b := open(t, options(dir, cities...))
		record(t, b, temperature, 10)
		require.NoError(t, b.Close())
	}
	s := closes(t, open(t, options(dir, "a", "b")))
	assert.EqualValues(t, 20, s.Cities[0].Waiting)
	assert.EqualValues(t, 30, s.Cities[1].Waiting)
}
