package buffer

import (
	"compress/gzip"
	"encoding/csv"
	"maps"
	"math"
	"math/rand/v2"
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
	f, err := os.Open(filepath.Join(dir, "series", name))
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

// recordedSets are the recorded series. All of them in one log is one more.
var recordedSets = []string{
	filepath.Join("odbl", "aberdeen_air.csv.gz"),
	filepath.Join("odbl", "tracebase_power_1hz.csv.gz"),
	filepath.Join("open", "airscout_co2.csv.gz"),
	filepath.Join("open", "troutcreek_stage_flood.csv.gz"),
}

// inOneLog returns the recorded sets one after the other.
func inOneLog(b *testing.B) []row {
	var all []row
	for i, name := range recordedSets {
		rows := recorded(b, name)
		for _, ds := range streamsOf(rows) {
			ds.ID += uint32(100 * i)
		}
		for _, r := range rows {
			r.Seq = uint64(len(all) + 1)
			all = append(all, r)
		}
	}
	return all
}

func streamsOf(rows []row) map[uint32]*agent.Datastream {
	streams := make(map[uint32]*agent.Datastream)
	for _, r := range rows {
		streams[r.Datastream.ID] = r.Datastream
	}
	return streams
}

// BenchmarkBlock encodes and decodes recorded series in blocks of several sizes.
func BenchmarkBlock(b *testing.B) {
	sets := map[string][]row{"four sets": inOneLog(b)}
	for _, name := range recordedSets[:2] {
		sets[strings.TrimSuffix(filepath.Base(name), ".csv.gz")] = recorded(b, name)
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		rows := sets[name]
		for _, n := range []int{50, 2000, 30_000} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) { benchmarkBlocks(b, rows, n) })
		}
	}
}

func benchmarkBlocks(b *testing.B, rows []row, n int) {
	var c codec
	var data []byte
	var into []row
	var encoding, decoding time.Duration
	size, total := 0, 0
	streams := streamsOf(rows)
	for b.Loop() {
		for part := range slices.Chunk(rows, n) {
			start := time.Now()
			data = c.append(data[:0], part)
			encoding += time.Since(start)
			start = time.Now()
			var err error
			into, err = c.decodeInto(into, data, streams)
			decoding += time.Since(start)
			if err != nil || len(into) != len(part) {
				b.Fatal(err)
			}
			size, total = size+len(data), total+len(part)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(size)/float64(total), "B/obs")
	b.ReportMetric(float64(encoding.Nanoseconds())/float64(total), "encode-ns/obs")
	b.ReportMetric(float64(decoding.Nanoseconds())/float64(total), "decode-ns/obs")
}

// fifty returns what a gateway of 50 datastreams records, one instant after the
// other: slow random walks.
func fifty(n int) []row {
	random := rand.New(rand.NewPCG(1, 2))
	var streams [50]*agent.Datastream
	var walk [50]float64
	for i := range streams {
		streams[i] = &agent.Datastream{ID: uint32(i + 1), Resolution: int8(i % 4)}
		walk[i] = 20
	}
	rows := make([]row, n)
	for i := range rows {
		r, k := &rows[i], i%50
		walk[k] += random.NormFloat64() * 1.5 / math.Pow10(k%4)
		r.Seq, r.Datastream, r.joins = uint64(i+1), streams[k], k > 0
		r.Time = time.UnixMilli(1_790_000_000_000 + int64(i/50)*1000).UTC()
		r.Value = agent.Round(walk[k], streams[k].Resolution)
	}
	return rows
}

// BenchmarkFrame encodes and decodes rows as journal frames have them.
func BenchmarkFrame(b *testing.B) {
	b.Run("50 datastreams", func(b *testing.B) { benchmarkFrames(b, fifty(50_000)) })
	b.Run("aberdeen_air", func(b *testing.B) { benchmarkFrames(b, recorded(b, recordedSets[0])) })
}

func benchmarkFrames(b *testing.B, rows []row) {
	var c rowCodec
	var data []byte
	var into []row
	var encoding, decoding time.Duration
	size, total := 0, 0
	streams := streamsOf(rows)
	recent := make([]row, 1000)
	for b.Loop() {
		for part := range slices.Chunk(rows, len(recent)) {
			part = recent[:copy(recent, part)] // a frame's rows were recorded a moment ago
			start := time.Now()
			data = c.appendRows(data[:0], part)
			encoding += time.Since(start)
			start = time.Now()
			d := decoder{b: data}
			into = c.readRows(&d, streams, into[:0])
			decoding += time.Since(start)
			if d.bad || len(into) != len(part) {
				b.Fatal("not read")
			}
			size, total = size+len(data), total+len(part)
		}
	}
	b.ReportMetric(float64(size)/float64(total), "B/obs")
	b.ReportMetric(float64(encoding.Nanoseconds())/float64(total), "ns/obs")
	b.ReportMetric(float64(decoding.Nanoseconds())/float64(total), "decode-ns/obs")
}
