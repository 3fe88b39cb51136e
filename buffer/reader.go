package buffer

import (
	"encoding/binary"
	"sort"

	"github.com/lamppost-city/lamppost/agent"
)

// A reader decodes frames and blocks. One goroutine uses it at a time.
type reader struct {
	codec codec
	rows  rowCodec
	ahead *ahead // while the journal is read from end to end, and not written
}

// frame returns the rows of a frame of the journal.
func (r *reader) frame(j *journal, at place, streams map[uint32]*agent.Datastream, into []row) ([]row, error) {
	var data []byte
	var err error
	if r.ahead != nil {
		data, err = r.ahead.frame(j, at)
	} else {
		data, err = j.read(at)
	}
	if err != nil {
		return nil, err
	}
	return r.rows.readFrame(data, streams, into)
}

// block returns the rows of a sealed block.
func (r *reader) block(s *segments, ref blockRef, streams map[uint32]*agent.Datastream, into []row) ([]row, error) {
	content, err := s.block(ref)
	if err != nil {
		return nil, err
	}
	_, _, rest, err := blockHead(content)
	if err != nil {
		return nil, err
	}
	return r.codec.decodeInto(into, rest, streams)
}

// seal encodes rows as a sealed block.
func (r *reader) seal(epoch agent.Epoch, rows []row) []byte {
	b := beginBlob(nil, blobBlock)
	b = binary.LittleEndian.AppendUint64(b, uint64(epoch))
	b = appendRuns(b, rows)
	return endBlob(r.codec.append(b, rows), 0)
}

// sortedSeq returns the place of the first row whose Seq is not below one.
func sortedSeq(rows []row, seq uint64) int {
	return sort.Search(len(rows), func(i int) bool { return rows[i].Seq >= seq })
}

// inTail returns the rows from from to to that are in memory.
func (b *Buffer) inTail(from, to uint64) []row {
	i := sortedSeq(b.tail, from)
	j := sort.Search(len(b.tail), func(j int) bool { return b.tail[j].Seq > to })
	return b.tail[i:j]
}
