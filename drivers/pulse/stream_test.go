package pulse

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kernel is a line's events as Linux hands them out (gpiolib-cdev.c,
// linereq_put_event and linereq_read): the newest 1024 wait, an older one is
// dropped, and all are counted. Between two reads it sees up to burst edges.
type kernel struct {
	left   int // edges still to come
	burst  int
	period time.Duration
	seq    uint32 // of the last edge
	stamp  time.Duration
	fifo   [][]byte
	lost   int
	polled func() // before each read
}

const fifoSize = 1024

func (k *kernel) edge() {
	k.seq++
	k.stamp += k.period
	k.left--
	b := make([]byte, 48)
	binary.NativeEndian.PutUint64(b, uint64(k.stamp))
	binary.NativeEndian.PutUint32(b[8:], 2)
	binary.NativeEndian.PutUint32(b[16:], k.seq)
	binary.NativeEndian.PutUint32(b[20:], k.seq)
	if len(k.fifo) == fifoSize {
		k.fifo = k.fifo[1:]
		k.lost++
	}
	k.fifo = append(k.fifo, b)
}

func (k *kernel) Read(b []byte) (n int, err error) {
	k.polled()
	for range min(k.left, rand.IntN(k.burst+1)) {
		k.edge()
	}
	if len(k.fifo) == 0 && k.left > 0 {
		k.edge() // a read waits for one
	}
	for len(k.fifo) > 0 && n+48 <= len(b) {
		n += copy(b[n:], k.fifo[0])
		k.fifo = k.fifo[1:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// The reader of the real line counts every edge of fast streams, also those that
// the kernel had to drop, and knows how fast they come.
func TestCountsFastStreams(t *testing.T) {
	const edges = 200_000
	for _, tt := range []struct {
		name   string
		period time.Duration
		burst  int
		drops  bool
		before uint32 // edges of the line before the first of these
	}{
		{"1 kHz, read at once", time.Millisecond, 3, false, 0},
		{"1 kHz, read every second", time.Millisecond, 1000, true, 0},
		{"5 kHz, read every four seconds", 200 * time.Microsecond, 20_000, true, 0},
		{"the kernel's count wraps around", time.Millisecond, 2000, true, 1<<32 - 77_777},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := counter{total: 42, seen: gpioline.Event{Seq: tt.before, Time: time.Now()}}
			stream := &kernel{left: edges, burst: tt.burst, period: tt.period, seq: tt.before}
			observed := uint64(42)
			stream.polled = func() {
				if rand.IntN(100) != 0 || stream.left < edges/10 { // the rate is that of the last tenth
					return
				}
				c.update()
				require.GreaterOrEqual(t, c.total, observed)
				require.EqualValues(t, c.seen.Seq-tt.before, c.total-42, "as many as the kernel counted by then")
				observed = c.total
			}

			err := gpioline.Read(stream, c.edge)

			require.ErrorIs(t, err, io.EOF)
			c.update()
			assert.EqualValues(t, 42+edges, c.total)
			assert.Equal(t, tt.drops, stream.lost > 0, "%d dropped", stream.lost)
			assert.InEpsilon(t, 1/tt.period.Seconds(), c.rate, 0.01, "Hz")
		})
	}
}
