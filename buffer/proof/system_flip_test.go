//go:build system

package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flips is how many single bits are tried, unless LAMPPOST_FLIPS says otherwise.
const flips = 60

// A record is what has one checksum: a block of a segment, a frame with rows, or
// the books.
type record struct {
	file        string
	offset, len int
}

// records finds the records of a directory by what FORMAT.md says of their
// heads, by kind.
func records(dir string) (all map[string][]record, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all = map[string][]record{}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		switch filepath.Ext(f.Name()) {
		case ".seg":
			all["block"] = append(all["block"], blobs(f.Name(), data, 'B')...)
		case ".db":
			all["books"] = append(all["books"], blobs(f.Name(), data, 'S')...)
		case "": // of the newest generation: the others are settled or elsewhere
			newest := uint64(0)
			for at := 0; at+40 < len(data); at += sector {
				if n := int(binary.LittleEndian.Uint32(data[at+32:])); string(data[at:at+4]) == "LPJ1" && n <= len(data)-at {
					if generation := binary.LittleEndian.Uint64(data[at+8:]); generation > newest {
						newest, all["frame"] = generation, nil
					} else if generation < newest {
						continue
					}
					all["frame"] = append(all["frame"], record{f.Name(), at, n})
				}
			}
		}
	}
	return all, nil
}

// blobs finds the blobs of a kind.
func blobs(file string, data []byte, kind byte) (all []record) {
	for at := 0; ; at++ {
		i := bytes.Index(data[at:], append([]byte("LPB1"), kind))
		if i < 0 || at+i+16 > len(data) {
			return all
		}
		at += i
		if n := int(binary.LittleEndian.Uint32(data[at+8:])) + 16; n <= len(data)-at {
			all = append(all, record{file, at, n})
		}
	}
}

// TestSystemBitFlips flips single bits of records that are on flash. Each is
// noticed before anything wrong is sent, and costs no more than its record.
func TestSystemBitFlips(t *testing.T) {
	need(t)
	begun := time.Now()
	n := number(t, "LAMPPOST_FLIPS", flips)
	m := newMatrix(t, "")
	all, cost, broken := m.flips(t, n)
	for _, err := range broken {
		assert.NoError(t, err)
	}
	summary(t, result{
		Name: "bit flips", Size: n, Lost: len(broken), Duration: time.Since(begun).Seconds(), Figures: cost,
		Note: fmt.Sprintf("%d blocks, %d frames, %d books", len(all["block"]), len(all["frame"]), len(all["books"])),
	})
	assert.Positive(t, cost["block"], "what was hit is not sent")
	assert.Positive(t, cost["frame"], "what was hit is not sent")
}

// flips flips n bits of records of each kind in turn. It returns the records,
// what the flips cost by kind, and how promises were broken.
func (m *matrix) flips(t *testing.T, n int) (all map[string][]record, cost map[string]float64, broken []error) {
	t.Helper()
	all, err := records(m.left)
	require.NoError(t, err)
	kinds := []string{"block", "frame", "books"}
	for _, kind := range kinds {
		require.NotEmptyf(t, all[kind], "there is a %s", kind)
	}
	random := rand.New(rand.NewPCG(m.old.seed, 0))
	dir := filepath.Join(small(t, "16m"), "buffer")
	// What was refused is not there even if nothing is changed.
	whole, _, err := m.changed(dir, all["books"][0], func([]byte) {})
	require.NoError(t, err)
	cost = map[string]float64{}
	for i := range n {
		kind := kinds[i%len(kinds)]
		r := all[kind][random.IntN(len(all[kind]))]
		lost, err := m.flip(dir, r, random.IntN(r.len*8), whole)
		cost[kind] += float64(lost)
		if err != nil {
			broken = append(broken, fmt.Errorf("%s at %d in %s, seed %d: %w", kind, r.offset, r.file, m.old.seed, err))
		}
	}
	return all, cost, broken
}

// flip flips one bit of a record, and compares with what is left without all of
// it. It returns how many accepted observations that cost.
func (m *matrix) flip(dir string, r record, bit int, whole map[string]Keys) (cost uint64, err error) {
	without, _, err := m.changed(dir, r, func(b []byte) { clear(b) })
	if err != nil {
		return 0, fmt.Errorf("without it: %w", err)
	}
	missing, found, err := m.changed(dir, r, func(b []byte) { b[bit/8] ^= 1 << (bit % 8) })
	for city, k := range missing {
		cost += k.Minus(whole[city]).Count()
		if more := k.Minus(without[city]); len(more) > 0 {
			err = errors.Join(err, fmt.Errorf("%s: bit %d costs more than its record: %s", city, bit, show(more)))
		}
		named := found.ledger(city, agent.NoticeLoss)
		if silent := k.Minus(named, found.ledger(city, agent.NoticeWindow)); len(silent) > 0 {
			err = errors.Join(err, fmt.Errorf("%s: bit %d: lost, and not in the ledger: %s", city, bit, show(silent)))
		}
	}
	return cost, err
}

// changed has a copy verified in which a record was changed, and returns what
// was accepted and is nowhere, by city.
func (m *matrix) changed(dir string, r record, change func([]byte)) (missing map[string]Keys, found Report, err error) {
	if err := copied(m.left, dir); err != nil {
		return nil, found, err
	}
	path := filepath.Join(dir, r.file)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, found, err
	}
	change(data[r.offset : r.offset+r.len])
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, found, err
	}
	b, c := m.old, m.claims.Clone()
	if found, err = b.verify(dir, c, true); err != nil {
		return nil, found, err
	}
	missing = map[string]Keys{}
	for _, city := range b.cities {
		missing[city] = c.Accepted.Minus(c.Delivered[city], found.Waiting[city])
	}
	return missing, found, Sound(c, found, b.cities)
}
