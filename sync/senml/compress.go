package senml

import (
	"compress/gzip"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// compressors append src, compressed, to dst.
var compressors = map[string]func(dst, src []byte) []byte{
	"none": nil,
	"zstd": func(dst, src []byte) []byte { return zstdEncoder().EncodeAll(src, dst) },
	"gzip": func(dst, src []byte) []byte {
		w := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(w)
		s := &sink{dst}
		w.Reset(s)
		_, _ = w.Write(src) // a sink takes all
		_ = w.Close()
		return s.b
	},
}

// zstdEncoder is one for all: packs are small, and EncodeAll may be called by
// several at a time.
var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

type sink struct{ b []byte }

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}
