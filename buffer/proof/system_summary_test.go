//go:build system

package proof

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A result is what a harness found.
type result = Result

// summary prints a result and collects it.
func summary(t *testing.T, r result) {
	t.Helper()
	line, err := r.Collect()
	require.NoError(t, err)
	t.Logf("proof %s", line)
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
