package main

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mistaken are the drivers that take another part for theirs, and why.
var mistaken = map[string][]string{
	"sht3x":   {"hdc302x"},                     // the same commands and numbers
	"ms5837":  {"ms5637"},                      // the same memory; which it is was configured
	"ds3231":  {"ds1307"},                      // clocks have no identity
	"ds1307":  {"ds3231"},                      // likewise
	"lm75":    {"ads1115", "tmp117"},           // thermometers of this kind have none
	"ads1115": {"ina228"},                      // it has none, and that part has a register in the same place
	"bh1750":  {"mcp23017", "lps22", "tfluna"}, // it has none; what they say is darkness
}

// alike tells of the drivers that cannot know, or ask only once.
func alike(first, other string) bool {
	return first == "pcf8574" || // it has no registers: whatever is read is its port
		strings.HasPrefix(first, "ezo") && strings.HasPrefix(other, "ezo") || // one address each, and a slow answer
		slices.Contains(mistaken[first], other)
}

// located returns what configures a driver's address.
func located(address uint16) func(any) error {
	return func(into any) error {
		reflect.ValueOf(into).Elem().FieldByName("Address").SetUint(uint64(address))
		return nil
	}
}

// onI2C returns the drivers of parts on a bus, with the address that each has if
// nothing is configured.
func onI2C() map[uint16][]drivers.Driver {
	all := make(map[uint16][]drivers.Driver)
	for _, d := range catalog.Drivers {
		if f := reflect.ValueOf(d.Defaults()).FieldByName("Address"); f.IsValid() {
			all[uint16(f.Uint())] = append(all[uint16(f.Uint())], d)
		}
	}
	return all
}

// A part that is unplugged and gives its place to another, between two readings,
// is missed: no driver reads the other part as its own. At each address where
// some part is by default, that part is tried with all that can be there.
func TestAnotherPartInItsPlace(t *testing.T) {
	tried := 0
	for address, here := range onI2C() {
		for _, others := range onI2C() {
			for _, other := range others {
				if _, err := other.Configure(located(address)); err != nil {
					continue
				}
				for _, d := range here {
					if d.Name == other.Name {
						continue
					}
					tried++
					swapped(t, address, d, other)
					swapped(t, address, other, d)
				}
			}
		}
	}
	assert.Greater(t, tried, 200)
}

// swapped puts the part of another driver in the place of that of the first.
func swapped(t *testing.T, address uint16, first, other drivers.Driver) {
	t.Helper()
	if alike(first.Name, other.Name) {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		host := new(sim.Host)
		var s agent.Sensor
		for _, d := range []drivers.Driver{other, first} {
			c, err := d.Configure(located(address))
			require.NoError(t, err)
			s, err = c.Open(host)
			require.NoError(t, err)
		}
		read := func() ([]agent.Result, error) {
			time.Sleep(time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return s.Observe(ctx, nil)
		}
		_, err := read()
		require.NoError(t, err)
		c, err := other.Configure(located(address))
		require.NoError(t, err)
		_, err = c.Open(host)
		require.NoError(t, err)
		for range 3 {
			got, err := read()
			require.Errorf(t, err, "%#02x: %s takes a part of %s for its own", address, first.Name, other.Name)
			require.Emptyf(t, got, "%#02x: %s takes a part of %s for its own", address, first.Name, other.Name)
		}
	})
}
