//go:build system

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/boards/virtualpi"
)

const piThing = "lamp-042"

// Lines that the sensors are on.
const (
	piDoor = 2
	piRain = 3
)

// piConfig is the configuration, but for the number of the bus behind the
// switch and the port of the broker.
const piConfig = `board = "auto"

[thing]
id = "lamp-042"
name = "Lamp post 42, Rue du Lac"
location = [6.6323, 46.5197, 412.0]

[buffer]
dir = "/var/lib/lamppost/buffer"
min_free = "4MB"

[[sensor]]
name = "cabinet"
driver = "lm75"
part = "tmp105"
address = 0x48
every = "1s"

[[sensor]]
name = "roof"
driver = "dps310"
address = 0x77
any_product = true # the emulated part does not tell its number
every = "1s"

[[sensor]]
name = "parking"
driver = "lsm303mag"
address = 0x1e
every = "1s"

[[sensor]]
name = "luminaire"
driver = "tmp421"
address = 0x4c
every = "2s"

[[sensor]]
name = "pole"
driver = "lm75"
part = "tmp105"
bus = "%d"
address = 0x49
every = "1s"

[[sensor]]
name = "door"
driver = "contact"
pin = "SIM2"
every = "1m"

[[sensor]]
name = "rain"
driver = "pulse"
pin = "SIM3"
every = "1s"

[[sensor]]
name = "board"
driver = "thermal"
every = "5s"

[[city]]
name = "platform"
protocol = "senml"
url = "mqtt://10.0.2.2:%d"
insecure = true
`

// pi is a gateway on an emulated Raspberry Pi, and its city.
type pi struct {
	image   *virtualpi.Image
	options virtualpi.Options
	city    *piCity
	mutant  string

	m    *virtualpi.Machine
	pid  int         // of the agent
	at   time.Time   // when the agent was started
	cuts []time.Time // when the power was cut
	ends []int64     // of the witness log, then
}

// newPi prepares everything. With LAMPPOST_MUTANT set, the agent is one that
// breaks the promise, and the test must fail.
func newPi(t *testing.T) *pi {
	t.Helper()
	p := &pi{city: newPiCity(t), mutant: os.Getenv("LAMPPOST_MUTANT")}
	require.NoError(t, virtualpi.Install(t.Context(), t.Output()))
	var err error
	p.image, err = virtualpi.Build(t.Context(), os.Getenv("LAMPPOST_VIRTUALPI"), t.Output())
	require.NoError(t, err)
	dir := t.TempDir()
	binary := filepath.Join(dir, "lamppost")
	args := []string{"build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", binary}
	if p.mutant != "" {
		args = append(args, "-tags", "mutant")
	}
	build := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOFLAGS=")
	build.Stdout, build.Stderr = t.Output(), t.Output()
	require.NoError(t, build.Run())
	info, err := os.Stat(binary)
	require.NoError(t, err)
	t.Logf("binary: %.1f MB", float64(info.Size())/1e6)
	p.options = virtualpi.Options{Dir: dir, Files: map[string]string{"/usr/bin/lamppost": binary}}
	return p
}

// boot switches the machine on and lays down the configuration.
func (p *pi) boot(t *testing.T) {
	t.Helper()
	begin := time.Now()
	m, err := p.image.Boot(context.WithoutCancel(t.Context()), p.options) // PowerCut ends it
	require.NoError(t, err)
	p.m = m
	t.Cleanup(func() { assert.NoError(t, m.PowerCut()) })
	t.Logf("boot: %v", time.Since(begin).Round(10*time.Millisecond))
	bus, err := m.MuxBus(t.Context(), 0)
	require.NoError(t, err)
	config := fmt.Sprintf(piConfig, bus, p.city.port)
	p.shell(t, "mkdir -p /etc/lamppost && cat >/etc/lamppost/lamppost.toml <<'END'\n"+config+"END")
}

// tell shows what the agent says, when the test failed.
func (p *pi) tell(t *testing.T) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := p.m.Run(ctx, "tail -n 40 /tmp/lamppost.log; lamppost status")
	t.Logf("the agent's log and status: %v\n%s", err, out)
}

// shell runs a command inside that ends well.
func (p *pi) shell(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := p.m.Run(ctx, command)
	require.NoError(t, err)
	return strings.TrimSpace(out)
}

// start starts the agent and waits for its first word to the witness.
func (p *pi) start(t *testing.T) {
	t.Helper()
	said := p.said()
	p.at = time.Now()
	command := "exec lamppost run --witness /dev/ttyAMA0"
	if p.mutant != "" {
		command = "LAMPPOST_MUTANT=" + p.mutant + " " + command
	}
	var err error
	p.pid, err = p.m.Start(t.Context(), command, "/tmp/lamppost.log")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.said() > said }, 20*time.Second, time.Millisecond, "the agent observes")
	t.Logf("start to first observation: %v", time.Since(p.at).Round(time.Millisecond))
}

// cut takes the power away.
func (p *pi) cut(t *testing.T) {
	t.Helper()
	require.NoError(t, p.m.PowerCut())
	p.cuts = append(p.cuts, time.Now())
	p.ends = append(p.ends, p.said())
}

// said returns the size of the witness log.
func (p *pi) said() int64 {
	info, err := os.Stat(p.m.WitnessLog())
	if err != nil {
		return 0 // nothing yet
	}
	return info.Size()
}

// rss returns the memory of the agent, in MB.
func (p *pi) rss(t *testing.T) float64 {
	t.Helper()
	text := p.shell(t, fmt.Sprintf("awk '/^VmRSS/ { print $2 }' /proc/%d/status", p.pid))
	kB, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return kB / 1024
}
