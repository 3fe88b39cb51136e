package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/require"
)

// A city that is not back yet when the demo stops observing is waited for.
func TestDemoWaitsForTheCity(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, demo(t.Context(), &out, desk.SenML, 2*time.Second, 2*time.Second, true), out.String())
}
