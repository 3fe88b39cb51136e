package buffer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A blob is how everything stands in the bbolt files: with its kind, its length
// and its checksum, so that no wrong bit is believed and a scan of the bare file
// finds what bbolt does not.
const (
	blobMagic  = "LPB1"
	blobHeader = 16 // magic, kind and three zeros, length, CRC-32C of those and of the content

	blobBlock   = 'B' // epoch, 8 bytes, Seqs, and rows as the codec has them
	blobBooks   = 'S' // books, JSON
	blobRefused = 'R' // Refusal, JSON
	blobIndex   = 'I' // where the blocks of a segment are, at its end
)

// beginBlob appends the place of a header.
func beginBlob(b []byte, kind byte) []byte {
	return append(append(append(b, blobMagic...), kind), make([]byte, blobHeader-len(blobMagic)-1)...)
}

// endBlob fills in the header of the blob that began at start.
func endBlob(b []byte, start int) []byte {
	x := b[start:]
	binary.LittleEndian.PutUint32(x[8:], uint32(len(x)-blobHeader))
	binary.LittleEndian.PutUint32(x[12:], blobSum(x))
	return b
}

func blobSum(x []byte) uint32 {
	return crc32.Update(crc32.Checksum(x[4:12], castagnoli), castagnoli, x[blobHeader:])
}

// appendBlob appends content as a blob.
func appendBlob(b []byte, kind byte, content []byte) []byte {
	return endBlob(append(beginBlob(b, kind), content...), len(b))
}

// firstBlob returns the blob that b begins with.
func firstBlob(b []byte) (kind byte, content []byte, ok bool) {
	if len(b) < blobHeader || string(b[:len(blobMagic)]) != blobMagic {
		return 0, nil, false
	}
	n := int64(binary.LittleEndian.Uint32(b[8:]))
	if n > int64(len(b)-blobHeader) {
		return 0, nil, false
	}
	b = b[:blobHeader+n]
	if mutant != noCRC && blobSum(b) != binary.LittleEndian.Uint32(b[12:]) {
		return 0, nil, false
	}
	return b[4], b[blobHeader:], true
}

// openBlob returns the content of b, which is one blob of a kind.
func openBlob(b []byte, kind byte) ([]byte, error) {
	found, content, ok := firstBlob(b)
	if !ok || found != kind || len(content)+blobHeader != len(b) {
		return nil, fmt.Errorf("%w: no %c of %d bytes", errDamaged, kind, len(b))
	}
	return content, nil
}

// scanBlobs calls yield with every whole blob in the bytes of a file, wherever
// it stands, and returns how many are not whole.
func scanBlobs(b []byte, yield func(kind byte, content []byte, at int)) (broken int) {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(blobMagic))
		if i < 0 {
			return broken
		}
		at += i
		kind, content, ok := firstBlob(b[at:])
		if !ok {
			broken++
			at++
			continue
		}
		yield(kind, content, at)
		at += blobHeader + len(content)
	}
}
