//go:build system

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers/scan"
)

// scanTime is how long one bus may take, and piScanSlack how much slower an
// emulated Pi may be.
const (
	scanTime    = 5 * time.Second
	piScanSlack = 3
)

// TestSystemPiScan names what is on the buses of an emulated Raspberry Pi, has it
// read by what the scan wrote, and scans again while the agent runs.
func TestSystemPiScan(t *testing.T) {
	p := newPi(t)
	p.boot(t)
	setPiParts(t, p)
	t.Run("everything is named", func(t *testing.T) { testPiScanNames(t, p) })
	t.Run("what is written reads it", func(t *testing.T) { testPiScanWrites(t, p) })
	t.Run("a multiplexer without the kernel", func(t *testing.T) { testPiScanOwnMux(t, p) })
	t.Run("the agent goes on", func(t *testing.T) { testPiScanAgent(t, p) })
}

// scan scans and returns what each part is, by bus and address.
func (p *pi) scan(t *testing.T, flags string) map[string]scan.Part {
	t.Helper()
	var found findings
	require.NoError(t, json.Unmarshal([]byte(p.shell(t, "lamppost scan --json "+flags)), &found))
	all := make(map[string]scan.Part)
	for _, b := range found.Buses {
		t.Logf("bus %s (%s), host's %s: %d parts in %.3f s %s", b.Bus, b.Name, b.Host, len(b.Parts), b.Seconds, b.Skipped)
		assert.Less(t, b.Seconds, (piScanSlack * scanTime).Seconds())
		assert.Equal(t, b.Bus == "0" || b.Bus == "2", b.Skipped != "", "the HATs' and the display's are left alone")
		for _, part := range b.Parts {
			all[fmt.Sprintf("%s %02x", b.Bus, part.Address)] = part
			t.Logf("%s %02x: %s %s, %s, %s%s", b.Bus, part.Address, part.Sure, part.Driver, part.Chip, part.Why, part.Kernel+part.Sensor)
		}
	}
	used := map[string]string{}
	for _, l := range found.Lines {
		used[l.Name] = l.Consumer
	}
	assert.Contains(t, used, "SIM2")
	t.Logf("%d lines", len(found.Lines))
	return all
}

func testPiScanNames(t *testing.T, p *pi) {
	found := p.scan(t, "")
	drivers := make(map[string]string)
	for place, part := range found {
		drivers[place] = part.Driver + part.Kernel
		if part.Driver != "" {
			assert.NotEqual(t, scan.Possible, part.Sure, place)
		}
	}
	assert.Equal(t, map[string]string{
		"1 48": "lm75", "1 77": "dps310", "1 1e": "lsm303mag", "1 4c": "tmp421", "1 68": "ds1307", "1 70": "pca954x", "1/mux@70/0 49": "lm75",
	}, drivers, "all of them, and no false name")
	assert.Contains(t, found["1 68"].Chip, "DS1307")
	assert.Contains(t, found["1 48"].Chip, "TMP105")
	text := p.shell(t, "lamppost scan")
	assert.Equal(t, 1, strings.Count(text, "[[sensor]]"), "all others are configured")
	assert.Contains(t, text, `driver = "ds1307"`)
}

func testPiScanWrites(t *testing.T, p *pi) {
	p.shell(t, "printf '[thing]\\nid = \"lamp-043\"\\n' >/tmp/new.toml && chmod 600 /tmp/new.toml && lamppost scan -c /tmp/new.toml --write && lamppost check -c /tmp/new.toml")
	t.Logf("%s", p.shell(t, "cat /tmp/new.toml; lamppost read -c /tmp/new.toml"))
	for _, want := range []string{"lm75  *airTemperature  *21", "lm75-2  *airTemperature  *-3.5", "tmp421  *probeTemperature  *40.9", "dps310  *atmosphericPressure", "lsm303mag  *magneticFluxDensityX  *22"} {
		p.shell(t, "lamppost read -c /tmp/new.toml | grep '"+want+"'")
	}
}

// testPiScanOwnMux takes the multiplexer from the kernel: then it is switched from
// here.
func testPiScanOwnMux(t *testing.T, p *pi) {
	const driver = "/sys/bus/i2c/drivers/pca954x"
	p.shell(t, "echo 1-0070 >"+driver+"/unbind")
	found := p.scan(t, "")
	assert.Equal(t, 8, found["1 70"].Channels)
	assert.Equal(t, scan.Certain, found["1 70"].Sure)
	assert.Equal(t, "lm75", found["1/mux@70/0 49"].Driver)
	assert.Len(t, found, 7, "and nothing else")
	for range 3 {
		p.shell(t, "lamppost read -c /tmp/new.toml lm75 lm75-2 | grep 'lm75-2  *airTemperature  *-3.5'")
	}
	p.shell(t, "echo 1-0070 >"+driver+"/bind")
	bus, err := p.m.MuxBus(t.Context(), 0)
	require.NoError(t, err)
	assert.Contains(t, p.shell(t, "grep '^bus' /etc/lamppost/lamppost.toml"), fmt.Sprintf("%q", fmt.Sprint(bus)), "where it was")
}

func testPiScanAgent(t *testing.T, p *pi) {
	p.start(t)
	defer p.tell(t)
	for name := range piDatastreams {
		p.city.await(t, name, (piDatastreams[name][0]+piDatastreams[name][1])/2, 1000, 20*time.Second)
	}
	found := p.scan(t, "")
	for place, sensor := range map[string]string{"1 48": "cabinet", "1 77": "roof", "1 1e": "parking", "1 4c": "luminaire", "1/mux@70/0 49": "pole"} {
		assert.Equal(t, sensor, found[place].Sensor, place)
	}
	assert.Contains(t, found["1 68"].Chip, "DS1307", "what the agent does not read is named")
	assert.Len(t, found, 7)
	names := []string{"cabinet/airTemperature", "roof/atmosphericPressure", "parking/magneticFluxDensityX", "luminaire/partTemperature", "pole/airTemperature"}
	p.advances(t, names)
	for name := range piDatastreams {
		if strings.HasSuffix(name, "/sensorState") {
			assert.InDeltaf(t, agent.SensorOK, p.city.value(t, name), 0, "%s", name)
		}
	}
}
