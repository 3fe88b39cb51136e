package buffer

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A machine is a made-up /proc and /sys: a Compute Module with an eMMC that has
// dir on its second partition.
type machine struct {
	t    *testing.T
	root string
}

const emmc = "sys/devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:0001"

func newMachine(t *testing.T, dir string) machine {
	m := machine{t, t.TempDir()}
	m.process(0)
	m.device(0)
	m.write(emmc+"/block/mmcblk0/mmcblk0p2/partition", "2\n")
	var s unix.Stat_t
	require.NoError(t, unix.Stat(dir, &s))
	link := filepath.Join(m.root, fmt.Sprintf("sys/dev/block/%d:%d", unix.Major(s.Dev), unix.Minor(s.Dev)))
	require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
	require.NoError(t, os.Symlink("../../../"+emmc+"/block/mmcblk0/mmcblk0p2", link))
	require.NoError(t, os.Symlink("../../../mmc0:0001", filepath.Join(m.root, emmc, "block/mmcblk0/device")))
	return m
}

func (m machine) write(path, text string) {
	path = filepath.Join(m.root, path)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(m.t, os.WriteFile(path, []byte(text), 0o600))
}

// process sets what the process caused to be written.
func (m machine) process(bytes uint64) {
	m.write("proc/self/io", fmt.Sprintf("rchar: 4292\nwchar: 9000000000\nsyscr: 13\nsyscw: 7\n"+
		"read_bytes: 4096\nwrite_bytes: %d\ncancelled_write_bytes: 8192\n", bytes))
}

// device sets what the partition was told to write.
func (m machine) device(sectors uint64) {
	m.write(emmc+"/block/mmcblk0/mmcblk0p2/stat", fmt.Sprintf(
		"   16532     4711   824390     7312     3021     2210 %8d    41023        0    12345    48335        0        0        0        0      312       77\n", sectors))
}

func TestWearIsCounted(t *testing.T) {
	dir := t.TempDir()
	machine := newMachine(t, dir)
	machine.process(1000)
	machine.device(100)
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(Options{Dir: dir, CommitEvery: time.Second, WriteBudget: 5e6, root: machine.root})
		machine.process(101_000)
		machine.device(2100)
		m.read(1)
		every, why, before := m.inForce(time.Second)
		time.Sleep(wearEvery)
		m.read(1)
		_, _, w := m.inForce(time.Second)

		assert.Equal(t, time.Second, every)
		assert.Empty(t, why)
		assert.Equal(t, &Wear{Written: 1000, Device: "mmcblk0p2", Budget: 5e6}, before, "not read again at once")
		assert.Equal(t, &Wear{
			Written: 101_000, PerDay: 100_000 * 8640, Device: "mmcblk0p2", DevicePerDay: 2000 * 512 * 8640,
			Over: 10, Today: 100_000, Budget: 5e6,
		}, w)
	})
}

// After two days of 1 MB an hour and one of 2 MB an hour, a day is 48 MB.
func TestWearIsThatOfTheLastDay(t *testing.T) {
	dir := t.TempDir()
	machine := newMachine(t, dir)
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(Options{Dir: dir, root: machine.root})
		var written uint64
		for i := range 3 * 24 * 6 {
			time.Sleep(10 * time.Minute)
			written += 1_000_000 / 6
			if i >= 2*24*6 {
				written += 1_000_000 / 6
			}
			machine.process(written)
			m.read(0)
		}
		_, _, w := m.inForce(0)
		assert.InEpsilon(t, 48e6, w.PerDay, 0.01)
		assert.EqualValues(t, 24*60*60, w.Over)

		time.Sleep(100 * time.Hour)
		m.read(0)
		_, _, w = m.inForce(0)
		assert.Zero(t, w.PerDay, "nothing is left of it after days of silence")
	})
}

func TestWearOfACardThatWasExchanged(t *testing.T) {
	dir := t.TempDir()
	machine := newMachine(t, dir)
	machine.device(1 << 30)
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(Options{Dir: dir, root: machine.root})
		machine.device(10)
		time.Sleep(time.Hour)
		m.read(0)
		machine.device(1010)
		time.Sleep(time.Hour)
		m.read(0)
		_, _, w := m.inForce(0)
		assert.EqualValues(t, 1000*512*12, w.DevicePerDay)
	})
}

func TestWearThatCannotBeCounted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(Options{Dir: dir, CommitEvery: time.Second, WriteBudget: 1e6, root: t.TempDir()})
		time.Sleep(time.Hour)
		every, changed := m.interval(3600)
		_, _, w := m.inForce(time.Second)

		assert.Contains(t, w.Err, "proc/self/io", "it says that no budget is kept")
		assert.Empty(t, w.Device)
		assert.Nil(t, w.Life)
		assert.Equal(t, time.Second, every)
		assert.False(t, changed)
	})
}

func TestLife(t *testing.T) {
	tests := []struct {
		name           string
		life, reserved string
		want           *Life
	}{
		{"new", "0x01 0x01\n", "0x01\n", &Life{10, "normal"}},
		{"the worse of the two counts", "0x02 0x0a\n", "0x02\n", &Life{100, "warning"}},
		{"past its end", "0x0b 0x03\n", "0x03\n", &Life{110, "urgent"}},
		{"older kernels write no 0x", "0x01 0x00\n", "01\n", &Life{10, "normal"}},
		{"only one is told", "0x03 0x00\n", "", &Life{30, ""}},
		{"not defined", "0x00 0x00\n", "0x00\n", nil},
		{"reserved values", "0x0c 0xff\n", "0x04\n", nil},
		{"an SD card", "", "", nil},
		{"nonsense", "new\n", "-1\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			machine := newMachine(t, dir)
			if tt.life != "" {
				machine.write(emmc+"/life_time", tt.life)
			}
			if tt.reserved != "" {
				machine.write(emmc+"/pre_eol_info", tt.reserved)
			}
			m := newMeter(Options{Dir: dir, root: machine.root})

			_, _, w := m.inForce(0)

			assert.Equal(t, tt.want, w.Life)
		})
	}
}

// What the card says of itself is read again in the course of time.
func TestLifeGoesOn(t *testing.T) {
	dir := t.TempDir()
	machine := newMachine(t, dir)
	machine.write(emmc+"/life_time", "0x01 0x01\n")
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(Options{Dir: dir, root: machine.root})
		machine.write(emmc+"/life_time", "0x02 0x01\n")
		time.Sleep(time.Hour)
		m.read(0)
		_, _, w := m.inForce(0)
		assert.Equal(t, &Life{Used: 20}, w.Life)
	})
}

// A file system that is no partition of anything is its own disk.
func TestDeviceWithoutPartitions(t *testing.T) {
	dir := t.TempDir()
	machine := newMachine(t, dir)
	require.NoError(t, os.Remove(filepath.Join(machine.root, emmc, "block/mmcblk0/mmcblk0p2/partition")))
	machine.write(emmc+"/block/mmcblk0/mmcblk0p2/device/life_time", "0x05 0x05\n")
	device, card := deviceOf(machine.root, dir)
	assert.Equal(t, filepath.Join(device, "device"), card)
	assert.Equal(t, &Life{Used: 50}, lifeOf(card))
}

// The counters of this machine are read, where it has them.
func TestWearOfThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/io"); err != nil {
		t.Skip("no /proc/self/io here")
	}
	w := open(t, options(t.TempDir(), "a")).Stats().Wear
	require.NotNil(t, w)
	assert.Empty(t, w.Err)
}

// A buffer that writes 16 KiB a commit would come to 141 MB in a day offline, at
// an observation each 10 s. With a budget of 40 MB commits are stretched, and so
// the day after; when the city is back they are not.
func TestBudgetIsKept(t *testing.T) {
	const cost, daily = 16 << 10, 40_000_000
	dir := t.TempDir()
	machine := newMachine(t, dir)
	synctest.Test(t, func(t *testing.T) {
		o := options(dir, "platform")
		o.WriteBudget, o.root = daily, machine.root
		b := open(t, o)
		ds, err := b.Datastream(temperature)
		require.NoError(t, err)
		start := b.Stats().Commits
		assert.Equal(t, "1s", b.Stats().LossWindow)
		for step := range 30 * 360 {
			require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now()}}))
			time.Sleep(10 * time.Second)
			synctest.Wait()
			written := (b.Stats().Commits - start) * cost
			machine.process(written)
			stretchedAndKept(t, b, step)
			if step == 24*360-1 {
				assert.LessOrEqual(t, written, uint64(daily))
				assert.Greater(t, written, uint64(daily*0.9), "no more than needed")
			}
		}

		c := b.Cursor("platform")
		for batch := c.Backlog(1e5); len(batch.Observations) > 0; batch = c.Backlog(1e5) {
			c.Settle(batch, nil)
		}
		c.Connected(true)
		for range 360 {
			require.NoError(t, b.Record([]agent.Observation{{Datastream: ds, Time: time.Now()}}))
			c.Settle(c.Live(10), nil)
			time.Sleep(10 * time.Second)
			machine.process((b.Stats().Commits - start) * cost)
		}
		s := b.Stats()
		assert.Equal(t, "1s", s.LossWindow, "with the city back the card rests, and nothing needs to wait")
		assert.Empty(t, s.Stretched)
	})
}

// stretchedAndKept checks what a buffer with a budget promises, at a step of 10 s.
func stretchedAndKept(t *testing.T, b *Buffer, step int) {
	s := b.Stats()
	require.Equal(t, s.CommitEvery, s.LossWindow, "the promise stays honest")
	b.mu.Lock()
	oldest := b.pendingSince()
	b.mu.Unlock()
	every, err := time.ParseDuration(s.CommitEvery)
	require.NoError(t, err)
	if !oldest.IsZero() {
		require.LessOrEqual(t, time.Since(oldest), every, "and is kept")
	}
	if hour := step / 360 % 24; 0 < hour && hour < 23 {
		require.Equal(t, "write_budget", s.Stretched)
		require.Less(t, every, longestInterval, "no more than needed")
	}
}

// Alarms and strict do not wait for a budget.
func TestBudgetDelaysNoAlarm(t *testing.T) {
	for _, strict := range []bool{false, true} {
		dir := t.TempDir()
		machine := newMachine(t, dir)
		synctest.Test(t, func(t *testing.T) {
			o := options(dir, "platform")
			o.WriteBudget, o.root, o.Strict = 1e6, machine.root, strict
			var log bytes.Buffer
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			b := open(t, o)
			time.Sleep(time.Hour + time.Minute)
			machine.process(1e9)
			record(t, b, door, 1)
			assert.Zero(t, b.Stats().Pending, "the alarm is on flash")
			synctest.Wait()
			record(t, b, temperature, 1)
			time.Sleep(2 * time.Second)
			s := b.Stats()
			if strict {
				assert.Zero(t, s.Pending)
				assert.Equal(t, "1s", s.CommitEvery)
				return
			}
			assert.EqualValues(t, 1, s.Pending, "all else waits")
			assert.Equal(t, "1m0s", s.CommitEvery)
			assert.Equal(t, "write_budget", s.Stretched)
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Zero(t, b.Stats().Pending)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), "a change is logged once")
			assert.Contains(t, log.String(), "commit_every=1m0s")
		})
	}
}

func TestStretch(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name         string
		every, left  time.Duration
		budget, cost int64
		want         time.Duration
	}{
		{"room for all", time.Second, day, 10e9, 16384, time.Second},
		{"just enough", time.Second, day, 86400 * 16384, 16384, time.Second},
		{"half of that", time.Second, day, 43200 * 16384, 16384, 2 * time.Second},
		{"rounded up", time.Second, day, 40000 * 16384, 16384, 2200 * time.Millisecond},
		{"a minute at most", time.Second, day, 1e6, 16384, time.Minute},
		{"a minute, after rounding too", time.Second, day, 86400 * 1000 * 16384 / 59960, 16384, time.Minute},
		{"nothing left", time.Second, day, 0, 16384, time.Minute},
		{"passed", time.Second, time.Hour, -5e6, 16384, time.Minute},
		{"configured longer than a minute", 5 * time.Minute, day, 1e6, 16384, 5 * time.Minute},
		{"and nothing left", 5 * time.Minute, day, 0, 16384, 5 * time.Minute},
		{"much left at the end of the day", time.Second, time.Minute, 10e6, 16384, time.Second},
		{"little left at the end of the day", time.Second, time.Minute, 100_000, 16384, 9900 * time.Millisecond},
		{"no commit has cost anything", time.Second, day, 1e6, 0, time.Second},
		{"no overflow", time.Second, day, 1, 1 << 62, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, stretch(tt.every, tt.left, tt.budget, tt.cost))
		})
	}
}
