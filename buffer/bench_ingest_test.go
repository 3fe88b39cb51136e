package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// A sink makes observations durable.
type sink interface {
	write(instants [][]agent.Observation) error
	close() error
}

// bare is a file of rows of 18 bytes with a checksum a commit: the least that
// one can do.
type bare struct {
	f    *os.File
	size int64 // it is written over from the start when it is as long, or 0
	at   int64
	b    []byte
}

// newBare makes the file, of size bytes of zeros beforehand.
func newBare(tb testing.TB, path string, size int64) *bare {
	f, err := os.Create(path)
	require.NoError(tb, err)
	_, err = f.Write(make([]byte, size))
	require.NoError(tb, err)
	require.NoError(tb, f.Sync())
	return &bare{f: f, size: size}
}

func (x *bare) write(instants [][]agent.Observation) error {
	x.b = append(x.b[:0], make([]byte, 8)...)
	for _, obs := range instants {
		for i := range obs {
			x.b = appendBare(x.b, &obs[i])
		}
	}
	binary.LittleEndian.PutUint32(x.b, uint32(len(x.b)))
	binary.LittleEndian.PutUint32(x.b[4:], crc32.Checksum(x.b[8:], castagnoli))
	if x.size > 0 && x.at+int64(len(x.b)) > x.size {
		x.at = 0
	}
	if _, err := x.f.WriteAt(x.b, x.at); err != nil {
		return err
	}
	x.at += int64(len(x.b))
	return datasync(x.f)
}

func (x *bare) close() error { return x.f.Close() }

func appendBare(b []byte, o *agent.Observation) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(o.Time.UnixMilli()))
	b = binary.LittleEndian.AppendUint16(b, uint16(o.Datastream.ID))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(o.Value))
}

// keys is bbolt with a key for each observation.
type keys struct {
	db  *bbolt.DB
	seq uint64
}

func newKeys(tb testing.TB, path string) *keys {
	db, err := openBolt(path)
	require.NoError(tb, err)
	return &keys{db: db}
}

func (x *keys) write(instants [][]agent.Observation) error {
	return x.db.Update(func(tx *bbolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists(bucketBlocks)
		if err != nil {
			return err
		}
		for _, obs := range instants {
			for i := range obs {
				x.seq++
				if err := all.Put(binary.BigEndian.AppendUint64(nil, x.seq), appendBare(nil, &obs[i])); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (x *keys) close() error { return x.db.Close() }

// Of BenchmarkIngest: runs of each sink in turn, and how long each writes.
const (
	ingestRounds = 5
	ingestFor    = 1500 * time.Millisecond
)

// BenchmarkIngest makes batches durable, sealing included, in turn with the
// least one can do and with bbolt.
func BenchmarkIngest(b *testing.B) {
	for _, batch := range []int{100, 1000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) { benchmarkIngest(b, batch) })
	}
}

func benchmarkIngest(b *testing.B, batch int) {
	dir := card(b, 4096)
	l := newFeed(fifty(100_000), time.Second)
	sinks := map[string]sink{
		"buffer":   newLogger(b, filepath.Join(dir, "buffer"), l),
		"prealloc": newBare(b, filepath.Join(dir, "prealloc"), 64<<20),
		"append":   newBare(b, filepath.Join(dir, "append"), 0),
		"bbolt":    newKeys(b, filepath.Join(dir, "bbolt")),
	}
	order := []string{"prealloc", "buffer", "append", "bbolt"}
	rates := make(map[string][]float64)
	var commits []time.Duration
	for b.Loop() {
		for range ingestRounds {
			for _, name := range order {
				deviceBytes(b, dir) // nothing of the one before is written now
				n, took, err := drive(sinks[name], l, batch)
				require.NoError(b, err)
				rates[name] = append(rates[name], float64(n)/sum(took).Seconds())
				if name == "buffer" {
					commits = append(commits, took...)
				}
			}
		}
	}
	var errs []error
	for _, name := range order {
		errs = append(errs, sinks[name].close())
		b.ReportMetric(median(rates[name]), name+"-obs/s")
		if name != "buffer" {
			b.ReportMetric(median(ratios(rates["buffer"], rates[name])), "x-"+name)
		}
	}
	require.NoError(b, errors.Join(errs...))
	slices.Sort(commits)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(commits[len(commits)*99/100])/float64(median(commits)), "p99/p50")
	b.ReportMetric(float64(median(commits).Microseconds()), "p50-us")
	b.ReportMetric(float64(commits[len(commits)-1].Microseconds()), "max-us")
}

// drive writes batches for a while and returns how long each took.
func drive(s sink, l *feed, batch int) (n int, took []time.Duration, err error) {
	var total time.Duration
	for total < ingestFor {
		instants := l.next(batch)
		start := time.Now()
		if err := s.write(instants); err != nil {
			return n, took, err
		}
		took = append(took, time.Since(start))
		total += took[len(took)-1]
		n += count(instants)
	}
	return n, took, nil
}

func sum(took []time.Duration) (total time.Duration) {
	for _, x := range took {
		total += x
	}
	return total
}

// ratios returns x over y, run by run.
func ratios(x, y []float64) []float64 {
	all := make([]float64, len(x))
	for i := range x {
		all[i] = x[i] / y[i]
	}
	return all
}
