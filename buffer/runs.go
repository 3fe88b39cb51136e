package buffer

import (
	"encoding/binary"

	"github.com/lamppost-city/lamppost/agent"
)

// runs returns the Seqs of rows, which rise.
func runs(rows []row) (set ranges) {
	for i := range rows {
		seq := rows[i].Seq
		if n := len(set); n > 0 && set[n-1].To+1 == seq {
			set[n-1].To = seq
			continue
		}
		set = append(set, agent.Range{From: seq, To: seq})
	}
	return set
}

// appendRanges writes a set of Seqs that has an end, as appendRuns does.
func appendRanges(b []byte, set ranges) []byte {
	b = binary.AppendUvarint(b, uint64(len(set)))
	var end uint64
	for _, r := range set {
		b = binary.AppendUvarint(b, r.From-end)
		b = binary.AppendUvarint(b, r.To-r.From)
		end = r.To
	}
	return b
}

// ranges reads what appendRanges or appendRuns wrote, of at most limit Seqs.
func (d *decoder) ranges(limit uint64) (set ranges) {
	var end, total uint64
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		from := end + d.uvarint()
		length := d.uvarint()
		if total += length + 1; from <= end || from+length < from || length >= limit || total > limit {
			d.bad = true
			return nil
		}
		end = from + length
		set = append(set, agent.Range{From: from, To: end})
	}
	return set
}
