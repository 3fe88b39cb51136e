package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lamppost-city/lamppost/buffer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatusShowsWear(t *testing.T) {
	s := status{
		Thing: "lamp-042", LossWindow: "28.3s", CommitEvery: "28.3s", Stretched: "write_budget", LastStop: "clean",
		Wear: &buffer.Wear{
			Written: 1_500_000, PerDay: 40_000_000, Device: "mmcblk0p2", DevicePerDay: 81_000_000,
			Over: 5400, Today: 1_200_000, Budget: 50_000_000, Life: &buffer.Life{Used: 20, Reserve: "normal"},
		},
	}
	var out bytes.Buffer

	require.NoError(t, s.show(&out))

	for _, line := range []string{
		"pending    0            at most 28.3s old",
		"commit     every 28.3s  stretched by write_budget",
		"wear       1.5 MB       40.0 MB a day, over 1h30m0s",
		"           mmcblk0p2    81.0 MB a day, written by all",
		"           budget       1.2 MB of 50.0 MB today",
		"           life         10 to 20 % used, reserve normal",
	} {
		assert.Contains(t, strings.Split(out.String(), "\n"), line)
	}
}

func TestStatusShowsWearThatCannotBeCounted(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, status{Wear: &buffer.Wear{Err: "open /proc/self/io: permission denied"}}.show(&out))
	assert.Contains(t, out.String(), "not counted  open /proc/self/io: permission denied\n")
	assert.NotContains(t, out.String(), "budget")
	assert.NotContains(t, out.String(), "life")
}

func TestLifeText(t *testing.T) {
	assert.Equal(t, "0 to 10 % used", lifeText(buffer.Life{Used: 10}))
	assert.Equal(t, "90 to 100 % used, reserve warning", lifeText(buffer.Life{Used: 100, Reserve: "warning"}))
	assert.Equal(t, "past its end, reserve urgent", lifeText(buffer.Life{Used: 110, Reserve: "urgent"}))
	assert.Equal(t, "not told, reserve normal", lifeText(buffer.Life{Reserve: "normal"}))
}
