package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	in := `{"name":"kills","size":200,"lost":0,"duration":12.2,"note":"47299 observations"}
{"name":"lying card, 1 flushes","size":17,"lost":2,"duration":6,"figures":{"salvaged":99.9,"within_2s":100}}
{"name":"mutant no-crc","size":2,"lost":0,"duration":1}
`
	var out bytes.Buffer
	require.NoError(t, report(strings.NewReader(in), &out, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), "a board"))
	page := out.String()
	assert.Contains(t, page, "22 November 2026, on a board. **3 promises were broken.**\n")
	assert.Contains(t, page, "| kills | 200 | 0 | 12 s | 47299 observations |\n")
	assert.Contains(t, page, "| lying card, 1 flushes | 17 | 2 | 6 s | salvaged 99.9, within 2s 100 |\n")
	assert.Contains(t, page, "| no-crc | 0 of 2 | 1 s |\n")

	assert.Error(t, report(strings.NewReader(""), &out, time.Time{}, ""), "nothing was tried")
	assert.Error(t, report(strings.NewReader("x\n"), &out, time.Time{}, ""))
}
