package drivertest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Data returns a file of recorded data, by its name below the folder that
// LAMPPOST_DATA names, or below ../shared/data beside the project. The test is
// skipped, and says so, where the file is absent.
func Data(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("LAMPPOST_DATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(t, err)
		for root != filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("recorded data are absent: %v", err)
	}
	return b
}

// A Vector is what a part's registers held and what that means.
type Vector struct {
	ID, Chip   string
	Regs       map[string]string
	Calls      []struct{ W, R string }
	Conditions map[string]any
	Expect     []struct {
		Quantity, Unit string
		Value, Tol     float64
	}
	ExpectError string `json:"expect_error"`
}

// Vectors returns the vectors of a file below i2c/vectors.
func Vectors(t *testing.T, name string) []Vector {
	t.Helper()
	var file struct{ Vectors []Vector }
	require.NoError(t, json.Unmarshal(Data(t, filepath.Join("i2c", "vectors", name)), &file))
	require.NotEmpty(t, file.Vectors)
	return file.Vectors
}

// Fill writes the vector's registers into a register file.
func (v Vector) Fill(t *testing.T, registers *[256]byte) {
	t.Helper()
	for reg, data := range v.Regs {
		at, err := strconv.ParseUint(reg, 0, 8)
		require.NoError(t, err)
		b, err := hex.DecodeString(data)
		require.NoError(t, err)
		copy(registers[at:], b)
	}
}
