//go:build system

package virtualpi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bench builds the image and returns it with options for a machine of its own.
func bench(t *testing.T) (*Image, Options) {
	t.Helper()
	begin := time.Now()
	require.NoError(t, Install(t.Context(), t.Output()))
	t.Logf("install: %v", time.Since(begin).Round(10*time.Millisecond))

	begin = time.Now()
	im, err := Build(t.Context(), os.Getenv("LAMPPOST_VIRTUALPI"), t.Output())
	require.NoError(t, err)
	t.Logf("build: %v", time.Since(begin).Round(10*time.Millisecond))
	return im, Options{Dir: t.TempDir()}
}

// boot starts a machine that ends with the test.
func boot(t *testing.T, im *Image, o Options) *Machine {
	t.Helper()
	begin := time.Now()
	m, err := im.Boot(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.PowerCut()) })
	t.Logf("boot: %v", time.Since(begin).Round(10*time.Millisecond))
	return m
}

// shell runs a command that ends well.
func shell(t *testing.T, m *Machine, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output, err := m.Run(ctx, command)
	require.NoError(t, err)
	return strings.TrimSpace(output)
}

func TestBench(t *testing.T) {
	im, o := bench(t)
	hello := filepath.Join(o.Dir, "hello")
	require.NoError(t, os.WriteFile(hello, []byte("#!/bin/sh\necho hello $1\n"), 0o755))
	o.Files = map[string]string{"/usr/local/bin/hello": hello}
	m := boot(t, im, o)

	t.Run("is a Raspberry Pi 3", func(t *testing.T) {
		assert.Contains(t, shell(t, m, "cat /proc/device-tree/model"), "Raspberry Pi 3")
		assert.Equal(t, "aarch64", shell(t, m, "uname -m"))
	})
	t.Run("runs commands", func(t *testing.T) { testRun(t, m) })
	t.Run("has the parts", func(t *testing.T) { testParts(t, m) })
	t.Run("loses a part", func(t *testing.T) { testUnplug(t, m) })
	t.Run("has a network", func(t *testing.T) { testNetwork(t, m) })
	t.Run("has lines", func(t *testing.T) { testLines(t, m) })
	t.Run("has a clock to set", func(t *testing.T) { testClock(t, m) })
	t.Run("has a watchdog", func(t *testing.T) {
		assert.Equal(t, "Software Watchdog", shell(t, m, "cat /sys/class/watchdog/watchdog0/identity"))
	})
	t.Run("has a witness", func(t *testing.T) {
		shell(t, m, "echo accepted 42 >/dev/ttyAMA0")
		assert.Eventually(t, func() bool {
			log, err := os.ReadFile(m.WitnessLog())
			return err == nil && string(log) == "accepted 42\n"
		}, 5*time.Second, 10*time.Millisecond, "a line gets out as it is written")
	})
	t.Run("keeps its card", func(t *testing.T) { testPowerCut(t, im, o, m) })
}

func TestBootTellsWhatIsWrong(t *testing.T) {
	im, o := bench(t)

	_, err := im.Boot(t.Context(), Options{})
	require.ErrorContains(t, err, "no working folder")

	o.Devices = []string{"flux-capacitor"}
	_, err = im.Boot(t.Context(), o)
	require.ErrorContains(t, err, "flux-capacitor")

	card := filepath.Join(o.Dir, "empty.img")
	require.NoError(t, os.WriteFile(card, make([]byte, 1<<20), 0o644))
	_, err = im.Boot(t.Context(), Options{Dir: o.Dir, SD: card})
	require.ErrorContains(t, err, "mount SD card")
}

func testRun(t *testing.T, m *Machine) {
	assert.Equal(t, "hello city", shell(t, m, "/usr/local/bin/hello city"), "a file of the host")
	assert.Equal(t, "it's\n\"quoted\" \xff", shell(t, m, `printf 'it'"'"'s\n"quoted" \377'`))

	output, err := m.Run(t.Context(), "echo half; exit 3")
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 3, exit.Code)
	assert.Equal(t, "half\n", output, "output comes with the error")

	pid, err := m.Start(t.Context(), "echo it\\'s 'started'; exec sleep 100", "/tmp/started.log")
	require.NoError(t, err)
	shell(t, m, "sleep 0.5")
	assert.Equal(t, "it's started", shell(t, m, "cat /tmp/started.log"))
	assert.Equal(t, "sleep", shell(t, m, fmt.Sprintf("cat /proc/%d/comm", pid)))
	shell(t, m, fmt.Sprintf("kill -TERM -%d", pid))

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = m.Run(ctx, "sleep 5")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func testParts(t *testing.T, m *Machine) {
	for name, address := range map[string]string{
		"tmp105": "0x48", "dps310": "0x77", "mag": "0x1e", "tmp421": "0x4c", "rtc": "0x68",
	} {
		assert.Regexpf(t, "^0x", shell(t, m, "i2cget -y 1 "+address+" 0x00"), "%s answers", name)
	}
	_, err := m.Run(t.Context(), "i2cget -y 1 0x33 0x00")
	require.Error(t, err, "nobody answers at 0x33")

	// Registers of 12 bits, the most significant byte first: 1/16 °C each.
	require.NoError(t, m.Set(t.Context(), "tmp105", "temperature", 23500))
	assert.Equal(t, "0x17 0x80", shell(t, m, "i2ctransfer -y 1 w1@0x48 0x00 r2"), "23.5 °C")

	bus, err := m.MuxBus(t.Context(), 0)
	require.NoError(t, err)
	require.NoError(t, m.Set(t.Context(), "muxed", "temperature", -1500))
	assert.Equal(t, "0xfe 0x80", shell(t, m, "i2ctransfer -y "+strconv.Itoa(bus)+" w1@0x49 0x00 r2"), "-1.5 °C")
	other, err := m.MuxBus(t.Context(), 1)
	require.NoError(t, err)
	_, err = m.Run(t.Context(), "i2cget -y "+strconv.Itoa(other)+" 0x49 0x00")
	require.Error(t, err, "nobody answers on channel 1")

	require.Error(t, m.Set(t.Context(), "tmp105", "colour", 1), "a property it does not have")
}

func testUnplug(t *testing.T, m *Machine) {
	const read = "i2ctransfer -y 1 w1@0x48 0x00 r2"
	require.NoError(t, m.Unplug(t.Context(), "tmp105"))
	require.NoError(t, m.Unplug(t.Context(), "tmp421"))
	_, err := m.Run(t.Context(), read)
	require.Error(t, err, "nobody answers any more")
	shell(t, m, "i2cget -y 1 0x77 0x00")

	require.NoError(t, m.Plug(t.Context(), "tmp105"))
	assert.Equal(t, "0x17 0x80", shell(t, m, read), "it feels what it felt")
	require.NoError(t, m.Plug(t.Context(), "tmp421"))
	require.Error(t, m.Unplug(t.Context(), "muxed"), "it has no plug of its own")
}

func testNetwork(t *testing.T, m *Machine) {
	const ping = "ping -c 1 -W 2 10.0.2.2"
	shell(t, m, ping)

	require.NoError(t, m.SetLink(t.Context(), false))
	_, err := m.Run(t.Context(), ping)
	require.Error(t, err, "nothing gets out")

	require.NoError(t, m.SetLink(t.Context(), true))
	shell(t, m, ping)
}

func testLines(t *testing.T, m *Machine) {
	node, err := m.GPIOChip(t.Context())
	require.NoError(t, err)
	shell(t, m, "test -c "+node)
	for _, high := range []bool{true, false} {
		require.NoError(t, m.SetLine(t.Context(), 3, high))
		got, err := m.Line(t.Context(), 3)
		require.NoError(t, err)
		assert.Equal(t, high, got)
	}

	begin := time.Now()
	require.NoError(t, m.Pulse(t.Context(), 3, 20, 20*time.Millisecond))
	assert.GreaterOrEqual(t, time.Since(begin), 400*time.Millisecond, "pulses take their time")
	got, err := m.Line(t.Context(), 3)
	require.NoError(t, err)
	assert.False(t, got, "the line is back where it was")
	require.Error(t, m.SetLine(t.Context(), Lines, true), "a line it does not have")
}

func testClock(t *testing.T, m *Machine) {
	now, err := strconv.ParseInt(shell(t, m, "date +%s"), 10, 64)
	require.NoError(t, err)
	assert.InDelta(t, time.Now().Unix(), now, 2, "the host's, unless told otherwise")

	require.NoError(t, m.SetTime(t.Context(), time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)))
	assert.Equal(t, "1970-01-02", shell(t, m, "date -u +%F"), "as after a start without network")
	require.NoError(t, m.SetTime(t.Context(), time.Now()))
}

func testPowerCut(t *testing.T, im *Image, o Options, m *Machine) {
	shell(t, m, "echo kept >/var/lib/lamppost/file; sync; echo lost >/var/lib/lamppost/late")
	require.NoError(t, m.PowerCut())
	<-m.Done()
	_, err := m.Run(t.Context(), "true")
	require.Error(t, err, "a machine without power answers nothing")

	m = boot(t, im, o)
	assert.Equal(t, "kept", shell(t, m, "cat /var/lib/lamppost/file"))
	_, err = m.Run(t.Context(), "cat /var/lib/lamppost/late")
	require.Error(t, err, "what was not written is gone")

	shell(t, m, "echo more >/dev/ttyAMA0; echo late >/var/lib/lamppost/late")
	require.NoError(t, m.Shutdown(t.Context()))
	log, err := os.ReadFile(m.WitnessLog())
	require.NoError(t, err)
	assert.Equal(t, "accepted 42\nmore\n", string(log), "the witness goes on")

	m = boot(t, im, o)
	assert.Equal(t, "late", shell(t, m, "cat /var/lib/lamppost/late"), "a shutdown loses nothing")

	_, err = m.Start(t.Context(), "watchdog -F -T 1 -t 60 /dev/watchdog", "/tmp/watchdog.log")
	require.NoError(t, err)
	select {
	case <-m.Done():
	case <-time.After(30 * time.Second):
		assert.Fail(t, "the watchdog does not bite", shell(t, m, "cat /tmp/watchdog.log"))
	}
}
