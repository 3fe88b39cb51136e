package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/scan"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scanDriver returns what a scan says of a driver's simulated part.
func scanDriver(t *testing.T, d drivers.Driver) (found *findings) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := d.Configure(func(any) error { return nil })
		require.NoError(t, err)
		host := new(sim.Host)
		_, err = c.Open(host)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		found, err = scanHost(t.Context(), host, new(config.Config), []string{"1"}, nil)
		require.NoError(t, err)
		assert.NoError(t, found.err())
	})
	return found
}

// TestScanKnowsDrivers checks that a scan finds the part of every driver that has
// an address, names no other, and that its table can be pasted.
func TestScanKnowsDrivers(t *testing.T) {
	const thing = "board = \"sim\"\n[thing]\nid = \"lamp-042\"\n"
	for _, d := range catalog.Drivers {
		if _, ok := reflect.TypeOf(d.Defaults()).FieldByName("Address"); !ok {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			found := scanDriver(t, d)

			require.Len(t, found.Buses[0].Parts, 1)
			p := found.Buses[0].Parts[0]
			if p.Driver == "" && p.Sure == scan.Possible { // one of several that are not told apart
				assert.Containsf(t, strings.ToLower(p.Chip), d.Name, "%+v", p)
			} else {
				assert.Equalf(t, d.Name, p.Driver, "%+v", p)
			}
			if p.Sure == scan.Possible {
				assert.Empty(t, found.tables(new(config.Config)), "a guess is not pasted")
				return
			}
			tables := found.tables(new(config.Config))
			require.Len(t, tables, 1)
			cfg, err := config.Parse("lamppost.toml", []byte(thing+tables[0]), catalog)
			require.NoErrorf(t, err, "%s", tables[0])
			assert.Equal(t, d.Name, cfg.Sensors[0].Driver)
			assert.Empty(t, found.tables(cfg), "what is configured is not told again")
		})
	}
}

func TestAppendTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lamppost.toml")
	read := func() string {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(b)
	}
	table := "[[sensor]] # Sensirion SHT4x, certain\nname = \"sht4x\"\ndriver = \"sht4x\"\nbus = \"1\"\naddress = 0x44\n"
	var out bytes.Buffer
	assert.ErrorContains(t, appendTables(&out, path, []string{table}), "write it with a [thing] first")

	before := "# by hand\n[thing]\nid = \"lamp-042\""
	require.NoError(t, os.WriteFile(path, []byte(before), 0o640))
	require.NoError(t, appendTables(&out, path, []string{table}))
	assert.Equal(t, before+"\n\n"+table, read(), "what was there stays")
	assert.Contains(t, out.String(), "1 sensors added")
	cfg, err := config.Load(path, catalog)
	require.NoError(t, err)
	assert.Len(t, cfg.Sensors, 1)

	err = appendTables(&out, path, []string{table})
	assert.ErrorContains(t, err, "nothing was added")
	assert.ErrorContains(t, err, "the name is taken")
	assert.Equal(t, before+"\n\n"+table, read())
	require.NoError(t, appendTables(&out, path, nil))
	assert.Contains(t, out.String(), "nothing to add")
}

func TestScanNames(t *testing.T) {
	part := scan.Part{Address: 0x44, Chip: "Sensirion SHT4x", Sure: scan.Certain, Driver: "sht4x"}
	f := findings{Buses: []scan.Bus{
		{Bus: "1", Host: "1", Parts: []scan.Part{part}},
		{Bus: "1/mux@70/0", Host: "5", Parts: []scan.Part{part}},
		{Bus: "1/mux@70/1", Host: "6", Parts: []scan.Part{part}},
	}}
	cfg, err := config.Parse("c", []byte("[thing]\nid = \"a\"\n[[sensor]]\nname = \"sht4x\"\ndriver = \"sht4x\"\nbus = \"5\"\n"), catalog)
	require.NoError(t, err)
	tables := f.tables(cfg)
	require.Len(t, tables, 2, "bus 5 is the branch")
	assert.Contains(t, tables[0], `name = "sht4x-2"`)
	assert.Contains(t, tables[1], `name = "sht4x-3"`)
	assert.Contains(t, tables[1], `bus = "1/mux@70/1"`)
	var out bytes.Buffer
	require.NoError(t, f.show(&out, tables, false))
	assert.Equal(t, 2, strings.Count(out.String(), "[[sensor]]"))
}
