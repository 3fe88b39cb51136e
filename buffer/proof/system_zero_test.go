//go:build system

package proof

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// armKills is how often a writer for a Pi Zero is killed, unless
// LAMPPOST_ARM_KILLS says otherwise.
const armKills = 50

// armTests are the buffer's own tests that run there: of its formats, and against
// the model.
const armTests = "Codec|Frame|Block|Ranges|Damaged|TestModel$/^0$"

// TestSystemArm runs the buffer as a Pi Zero does, with words of 32 bits: its
// tests, kills, and files that one machine writes and the other reads.
func TestSystemArm(t *testing.T) {
	need(t)
	begun := time.Now()
	qemu := install(t, "qemu-arm-static", "qemu-user-static")
	arm := []string{qemu, armBinary(t, "-tags=system", ".")}
	unit := exec.Command(qemu, armBinary(t, "-tags=", ".."), "-test.timeout=5m", "-test.run="+armTests)
	unit.Dir = ".."
	text, err := unit.CombinedOutput()
	assert.NoErrorf(t, err, "%s", text[max(0, len(text)-4000):])
	took := time.Since(begun)

	n := number(t, "LAMPPOST_ARM_KILLS", armKills)
	here := []string{os.Args[0]}
	recorded, failed := uint64(0), err
	for _, x := range []struct {
		name          string
		kills         int
		write, verify []string
	}{
		{"arm", n, arm, arm}, {"arm to amd64", n/5 + 1, arm, here}, {"amd64 to arm", n/5 + 1, here, arm},
	} {
		b := newBench()
		b.run = map[string][]string{"write": x.write, "verify": x.verify}
		b.writer.Backlog = true
		c, err := b.killStarted(filepath.Join(t.TempDir(), "buffer"), x.kills)
		assert.NoError(t, err, x.name)
		recorded += c.Recorded.Count()
		failed = errors.Join(failed, err)
	}
	summary(t, result{
		Name: "arm", Size: n + 2*(n/5+1), Lost: lost(failed), Duration: time.Since(begun).Seconds(),
		Figures: map[string]float64{"unit_s": took.Seconds()}, Note: fmt.Sprintf("%d observations recorded", recorded),
	})
}

// armBinary builds the tests of a package for a Pi Zero.
func armBinary(t *testing.T, tags, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arm.test")
	cmd := exec.Command("go", "test", "-c", tags, "-o", path, pkg)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm", "GOARM=6", "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", text)
	return path
}

// killStarted kills writers that have begun to record: an emulated one needs
// longer for that than others live.
func (b *bench) killStarted(dir string, n int) (*Claims, error) {
	c := NewClaims()
	for i := range n {
		h := &heard{claims: c}
		before := h.recorded()
		p, err := b.start(job{Role: "write", Dir: dir, Pause: b.writer.Pause, Backlog: b.writer.Backlog}, h.line)
		if err != nil {
			return c, err
		}
		begun := waitFor(timeLimit, func() bool { return h.recorded() > before })
		time.Sleep(rand.N(200 * time.Millisecond))
		p.kill()
		if err := p.clean(p.end(timeLimit)); err != nil || !begun {
			return c, fmt.Errorf("kill %d: begun %v: %w: %s", i, begun, err, &p.log)
		}
		r, err := b.verify(dir, c, i%2 == 0)
		if err == nil {
			err = Check(c, r, b.cities)
		}
		if err != nil {
			return c, fmt.Errorf("kill %d: %w", i, err)
		}
	}
	return c, nil
}
