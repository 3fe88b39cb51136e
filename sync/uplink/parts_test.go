package uplink_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

func TestParts(t *testing.T) {
	later := &agent.RetryError{Err: errors.New("later")}
	one := &agent.RefusedError{Refused: map[uint64]string{1: "a"}}
	two := &agent.RefusedError{Refused: map[uint64]string{2: "b"}}
	unknown := errors.New("reset")

	var p uplink.Parts
	assert.NoError(t, p.Err())
	assert.Equal(t, error(later), p.Add(later), "nothing was taken")
	assert.Equal(t, unknown, p.Add(unknown))
	assert.NoError(t, p.Add(one))
	assert.NoError(t, p.Add(two))
	assert.Equal(t, &agent.RefusedError{Refused: map[uint64]string{1: "a", 2: "b"}}, p.Err())
	var retry *agent.RetryError
	assert.False(t, errors.As(p.Add(later), &retry), "it was, in part")
}

func TestSift(t *testing.T) {
	obs := []agent.Observation{{Seq: 1}, {Seq: 2, Value: -1}, {Seq: 3}, {Seq: 4, Value: -1}}
	negative := func(o *agent.Observation) string {
		if o.Value < 0 {
			return "negative"
		}
		return ""
	}
	sayable, refused := uplink.Sift(obs, negative)
	assert.Equal(t, []agent.Observation{{Seq: 1}, {Seq: 3}}, sayable)
	assert.Equal(t, map[uint64]string{2: "negative", 4: "negative"}, refused)
	assert.EqualValues(t, 2, obs[1].Seq, "the batch is not changed")
	sayable, refused = uplink.Sift(obs[:1], negative)
	assert.Len(t, sayable, 1)
	assert.Empty(t, refused)
	sayable, _ = uplink.Sift(obs[1:2], negative)
	assert.Empty(t, sayable)
}
