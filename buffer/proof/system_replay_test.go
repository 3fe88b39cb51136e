//go:build system

package proof

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	chunk  = 64 << 10
	sector = 512
)

// errMount says that the kernel does not mount what is left.
var errMount = errors.New("the file system does not mount")

// A player makes the disk again as it was at one moment after the other.
type player struct {
	rec    *recording
	lies   int // flushes that the disk only said it did
	random *rand.Rand
	dir    string // scratch

	disk   []byte // with all that is on it for sure
	used   []bool // chunks of it that are not zero
	done   int    // ops that are in it
	claims *Claims
	heard  int // ops that are in claims
}

func newPlayer(t *testing.T, rec *recording, lies int, seed uint64) *player {
	t.Helper()
	p := &player{
		rec: rec, lies: lies, random: rand.New(rand.NewPCG(seed, uint64(lies))), dir: scratch(t),
		disk: slices.Clone(rec.image), used: make([]bool, len(rec.image)/chunk), claims: NewClaims(),
	}
	zero := make([]byte, chunk)
	for i := range p.used {
		p.used[i] = !bytes.Equal(p.disk[i*chunk:(i+1)*chunk], zero)
	}
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "mnt"), 0o700))
	t.Cleanup(func() { unmount(filepath.Join(p.dir, "mnt")) })
	return p
}

// points returns n moments, in order, of the last part of the recording.
func (p *player) points(n int, part float64) []int {
	cuts := p.rec.cuts[int(float64(len(p.rec.cuts))*(1-part)):]
	all := make([]int, n)
	for i := range all {
		all[i] = cuts[p.random.IntN(len(cuts))]
	}
	slices.Sort(all)
	return all
}

// state cuts the power before an op and has what is left verified: all before
// the last flush, and of the writes after it what mode says. It returns the
// claims of that moment too.
func (p *player) state(b *bench, at int, mode string) (c *Claims, r Report, err error) {
	p.hear(at)
	c = p.claims.Clone()
	flushed := p.flushed(at)
	p.advance(flushed)
	image := filepath.Join(p.dir, "image")
	if err := p.write(image, p.unsure(p.rec.ops[flushed:at], mode)); err != nil {
		return c, r, err
	}
	mnt := filepath.Join(p.dir, "mnt")
	if err := mountExt4(image, mnt); err != nil {
		return c, r, errors.Join(errMount, err)
	}
	defer unmount(mnt)
	r, err = b.verify(filepath.Join(mnt, "buffer"), c, true)
	return c, r, err
}

// flushed returns how many ops before at are surely on the disk.
func (p *player) flushed(at int) int {
	lies := p.lies
	for i := at - 1; i >= 0; i-- {
		if p.rec.ops[i].kind != opFlush {
			continue
		}
		if lies == 0 {
			return i
		}
		lies--
	}
	return 0
}

// hear takes the marks up to at for claims.
func (p *player) hear(at int) {
	for ; p.heard < at; p.heard++ {
		if o := p.rec.ops[p.heard]; o.kind == opMark {
			p.claims.Line(string(o.data))
		}
	}
}

// advance puts the writes up to at on the disk.
func (p *player) advance(at int) {
	for ; p.done < at; p.done++ {
		o := p.rec.ops[p.done]
		if o.kind != opWrite {
			continue
		}
		copy(p.disk[o.off:], o.data)
		for i := o.off / chunk; i*chunk < o.off+int64(len(o.data)); i++ {
			p.used[i] = true
		}
	}
}

// unsure returns what happened to be written of ops that were not flushed:
// nothing, the first of them, or any, torn between sectors.
func (p *player) unsure(ops []op, mode string) (out []op) {
	var writes []op
	for _, o := range ops {
		if o.kind == opWrite {
			writes = append(writes, o)
		}
	}
	switch mode {
	case "drop":
		return nil
	case "prefix":
		return writes[:p.random.IntN(len(writes)+1)]
	}
	for _, o := range writes {
		if p.random.IntN(2) == 0 {
			continue
		}
		for from := 0; from < len(o.data); from += sector {
			if p.random.IntN(8) != 0 {
				out = append(out, op{opWrite, o.off + int64(from), o.data[from:min(from+sector, len(o.data))]})
			}
		}
	}
	return out
}

// write writes the disk and more writes to a file.
func (p *player) write(path string, more []op) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(p.disk))); err != nil {
		return err
	}
	for i, used := range p.used {
		if used {
			if _, err := f.WriteAt(p.disk[i*chunk:(i+1)*chunk], int64(i)*chunk); err != nil {
				return err
			}
		}
	}
	for _, o := range more {
		if _, err := f.WriteAt(o.data, o.off); err != nil {
			return err
		}
	}
	return f.Close()
}
