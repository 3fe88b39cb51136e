//go:build system

package proof

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// imageSize is that of the disk.
const imageSize = 64 << 20

// Kinds of operation in the log of faultdisk.
const (
	opWrite = 'W'
	opFlush = 'F'
	opMark  = 'A'
)

// An op is one operation of a recorded disk.
type op struct {
	kind byte
	off  int64
	data []byte
}

// A recording is a disk as it was, and all that was done to it.
type recording struct {
	image []byte
	ops   []op
	cuts  []int // indexes of ops before which the power may be cut
}

var faultdisk = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faultdisk-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "faultdisk")
	text, err := exec.Command("go", "build", "-C", filepath.Join("..", "faultdisk"), "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build faultdisk: %w: %s", err, text)
	}
	program, err := os.ReadFile(path)
	return string(program), err
})

// record runs writers on a disk that is recorded, one after the other. How many
// commits each does is in commits.
func (b *bench) record(t *testing.T, commits ...uint64) *recording {
	t.Helper()
	dir := scratch(t)
	image, log, mnt, disk := filepath.Join(dir, "image"), filepath.Join(dir, "log"), filepath.Join(dir, "fuse"), filepath.Join(dir, "disk")
	require.NoError(t, os.Mkdir(mnt, 0o700))
	require.NoError(t, os.Mkdir(disk, 0o700))
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, imageSize))
	// Without the work that the kernel would do later, in the background.
	text, err := exec.Command(install(t, "mkfs.ext4", "e2fsprogs"), "-q", "-F",
		"-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image).CombinedOutput()
	require.NoErrorf(t, err, "%s", text)

	stop := startFaultdisk(t, mnt, image, log)
	require.NoError(t, mountExt4(filepath.Join(mnt, "disk"), disk))
	t.Cleanup(func() { unmount(disk) })
	marks := filepath.Join(mnt, "marks")
	mark(t, marks, "begin")
	for i, n := range commits {
		j := b.writer
		j.Role, j.Dir, j.Witness = "write", filepath.Join(disk, "buffer"), marks
		j.Commits, j.Unclean = n, i%3 != 2
		p, err := b.start(j, func(string) {})
		require.NoError(t, err)
		require.NoErrorf(t, p.end(2*time.Minute), "%s", &p.log)
	}
	mark(t, marks, "end")
	unmount(disk)
	stop()
	return readRecording(t, image, log)
}

// startFaultdisk starts the recorder; stop ends it.
func startFaultdisk(t *testing.T, mnt, image, log string) (stop func()) {
	t.Helper()
	program, err := faultdisk()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "faultdisk")
	require.NoError(t, os.WriteFile(path, []byte(program), 0o700))
	cmd := exec.Command(path, "-mount", mnt, "-image", image, "-log", log)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = in.Close()
		timer := time.AfterFunc(10*time.Second, func() { _ = unix.Unmount(mnt, unix.MNT_FORCE) })
		_ = cmd.Wait() // what it has written is looked at
		timer.Stop()
		unmount(mnt)
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return stop
}

// mark writes a mark of our own.
func mark(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = io.WriteString(f, text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// readRecording reads what was recorded between the marks begin and end.
func readRecording(t *testing.T, image, log string) *recording {
	t.Helper()
	data, err := os.ReadFile(image)
	require.NoError(t, err)
	r := &recording{image: data}
	raw, err := os.ReadFile(log)
	require.NoError(t, err)
	begun := false
	for len(raw) > 0 {
		require.GreaterOrEqual(t, len(raw), 13)
		n := binary.LittleEndian.Uint32(raw[9:])
		o := op{raw[0], int64(binary.LittleEndian.Uint64(raw[1:])), raw[13 : 13+n]}
		raw = raw[13+n:]
		if o.kind == opMark && string(o.data) == "end" {
			return r
		}
		begun = begun || o.kind == opMark && string(o.data) == "begin"
		r.ops = append(r.ops, o)
		if begun {
			r.cuts = append(r.cuts, len(r.ops))
		}
	}
	require.Fail(t, "the recording has no end")
	return nil
}
