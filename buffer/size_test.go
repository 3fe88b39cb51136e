package buffer

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
)

// recorded returns the rows of a recorded series, in the order in which a
// gateway records them.
func recorded(b *testing.B, name string) []row {
	dir := os.Getenv("LAMPPOST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "series", "odbl", name))
	if err != nil {
		b.Skipf("no recorded data: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(b, err)
	records, err := csv.NewReader(z).ReadAll()
	require.NoError(b, err)
	streams := make(map[string]*agent.Datastream)
	var rows []row
	for _, r := range records[1:] {
		key := r[1] + "/" + r[2]
		if streams[key] == nil {
			streams[key] = &agent.Datastream{ID: uint32(len(streams) + 1), Name: key}
		}
		seconds, err := strconv.ParseFloat(r[0], 64)
		require.NoError(b, err)
		value, err := strconv.ParseFloat(r[4], 64)
		require.NoError(b, err)
		_, decimals, _ := strings.Cut(r[4], ".")
		ds := streams[key]
		ds.Resolution = max(ds.Resolution, int8(len(decimals)))
		x := row{}
		x.Datastream, x.Time, x.Value = ds, time.UnixMilli(int64(seconds*1000)).UTC(), value
		rows = append(rows, x)
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		if c := x.Time.Compare(y.Time); c != 0 {
			return c
		}
		return int(x.Datastream.ID) - int(y.Datastream.ID)
	})
	for i := range rows {
		rows[i].Seq = uint64(i + 1)
		rows[i].joins = i > 0 && rows[i].Time.Equal(rows[i-1].Time)
	}
	return rows
}

// BenchmarkBlock encodes and decodes recorded series in blocks of several sizes.
func BenchmarkBlock(b *testing.B) {
	for _, name := range []string{"aberdeen_air.csv.gz", "tracebase_power_1hz.csv.gz"} {
		rows := recorded(b, name)
		streams := make(map[uint32]*agent.Datastream)
		for _, r := range rows {
			streams[r.Datastream.ID] = r.Datastream
		}
		for _, n := range []int{50, blockRows, 30_000} {
			b.Run(strings.TrimSuffix(name, ".csv.gz")+"/"+strconv.Itoa(n), func(b *testing.B) {
				var c codec
				size, total := 0, 0
				for b.Loop() {
					for part := range slices.Chunk(rows, n) {
						data := c.append(nil, part)
						got, err := c.decode(data, streams)
						if err != nil || len(got) != len(part) {
							b.Fatal(err)
						}
						size, total = size+len(data), total+len(part)
					}
				}
				b.ReportMetric(float64(size)/float64(total), "B/observation")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/observation")
			})
		}
	}
}
