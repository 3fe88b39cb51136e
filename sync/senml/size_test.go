package senml

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// recorded reads a recorded series; resolutions are those of its texts.
func recorded(t testing.TB, name string, limit int) (obs []agent.Observation) {
	t.Helper()
	dir := os.Getenv("LAMPPOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "series", filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no recorded series here: %v", err)
	}
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	r := csv.NewReader(z)
	streams := make(map[string]*agent.Datastream)
	for len(obs) < limit {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		at, err := strconv.ParseFloat(row[0], 64)
		if err != nil {
			continue // the header
		}
		v, err := strconv.ParseFloat(row[4], 64)
		require.NoError(t, err)
		ds, ok := streams[row[1]+row[2]]
		if !ok {
			ds = &agent.Datastream{Name: row[1] + "/" + row[2], Property: agent.Property{Name: row[2], Unit: row[3]}, Thing: "lamp-042"}
			streams[row[1]+row[2]] = ds
		}
		_, decimals, _ := strings.Cut(row[4], ".")
		ds.Resolution = max(ds.Resolution, int8(len(decimals)))
		obs = append(obs, agent.Observation{
			Seq: uint64(len(obs) + 1), Datastream: ds, Time: time.UnixMilli(int64(math.Round(at * 1000))).UTC(), Value: v,
		})
	}
	return obs
}

// walk returns n observations of 50 sensors that are read each second: each
// wanders by up to 0.02 in steps of 0.01.
func walk(n int) (obs []agent.Observation) {
	random := rand.New(rand.NewPCG(1, 2))
	var streams []*agent.Datastream
	for i := range 50 {
		streams = append(streams, &agent.Datastream{
			Name: fmt.Sprintf("pole-%02d/airTemperature", i), Property: agent.AirTemperature, Resolution: 2, Thing: "lamp-042",
		})
	}
	steps := make([]int64, len(streams))
	for i := range n {
		s := &steps[i%len(steps)]
		*s += random.Int64N(5) - 2
		obs = append(obs, agent.Observation{
			Seq: uint64(i + 1), Datastream: streams[i%len(streams)], Time: when.Add(time.Duration(i/len(streams)) * time.Second),
			Value: agent.FromSteps(2000+*s, 2),
		})
	}
	return obs
}

// TestBytesOnTheWire says what an observation of recorded series takes in
// batches of 1000. The bounds are those of the figures in README.md.
func TestBytesOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		series                  string
		json, cbor, gzip, zstd_ float64 // bytes an observation, at most
	}{
		{"", 80, 38, 3.3, 3},
		{"odbl/aberdeen_air.csv.gz", 75, 36, 6.3, 5.8},
		{"odbl/tracebase_power_1hz.csv.gz", 81, 41, 1.7, 1.6},
	} {
		t.Run(tt.series, func(t *testing.T) {
			obs := walk(20_000)
			if tt.series != "" {
				obs = recorded(t, tt.series, 100_000)
			}
			size := func(cbor bool, compression string) float64 {
				n := 0
				for rest := obs; len(rest) > 0; {
					e := encoder{thing: "lamp-042", epoch: 1, cbor: cbor}
					pack, dealt := e.appendPack(nil, rest[:min(len(rest), 1000)])
					if compress := compressors[compression]; compress != nil {
						pack = compress(nil, pack)
					}
					n += len(pack)
					rest = rest[dealt:]
				}
				return float64(n) / float64(len(obs))
			}
			for _, c := range []struct {
				cbor        bool
				compression string
				most        float64
			}{{false, "none", tt.json}, {true, "none", tt.cbor}, {false, "zstd", 11}, {true, "gzip", tt.gzip}, {true, "zstd", tt.zstd_}} {
				got := size(c.cbor, c.compression)
				t.Logf("cbor %v, %s: %.2f bytes an observation", c.cbor, c.compression, got)
				assert.LessOrEqual(t, got, c.most)
			}
		})
	}
}
