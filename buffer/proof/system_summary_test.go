//go:build system

package proof

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A result is what a harness found, in a form that can be collected.
type result struct {
	Name     string             `json:"name"`
	Size     int                `json:"size"`
	Lost     int                `json:"lost"` // broken promises
	Duration float64            `json:"duration"`
	Figures  map[string]float64 `json:"figures,omitempty"`
	Note     string             `json:"note,omitempty"`
}

// summary prints a result, and appends it to the file that LAMPPOST_PROOF_LOG
// names.
func summary(t *testing.T, r result) {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	t.Logf("proof %s", text)
	path := os.Getenv("LAMPPOST_PROOF_LOG")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.Write(append(text, '\n'))
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// lost counts a broken promise.
func lost(err error) int {
	if err != nil {
		return 1
	}
	return 0
}

// number returns how often, as a variable of the environment says.
func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoErrorf(t, err, "%s", variable)
	return n
}
