package sim

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// What simulated parts feel is a day in a city, or what it was set to: there is one
// world, for all hosts of a process.
var world struct {
	sync.RWMutex
	set map[string]float64
}

// quantities are what can be set, as the day has them.
var quantities = map[string]func() float64{
	"airTemperature":      func() float64 { return Wave(12, 6, 24*time.Hour) + Wave(0, 0.3, 7*time.Minute) },
	"relativeHumidity":    func() float64 { return Wave(70, -20, 24*time.Hour) + Wave(0, 1, 11*time.Minute) },
	"atmosphericPressure": func() float64 { return Wave(962, 8, 60*time.Hour) + Wave(0, 0.1, 13*time.Minute) },
	"illuminance":         func() float64 { return Wave(6000, 5900, 24*time.Hour) },
	"carbonDioxide":       func() float64 { return Wave(440, 30, 24*time.Hour) },
	"pm25":                func() float64 { return Wave(12, 5, 24*time.Hour) },
}

// Quantities returns the names of what [Set] can set, in the order of the alphabet.
func Quantities() []string { return slices.Sorted(maps.Keys(quantities)) }

// Set makes all parts feel v as a quantity from now on; NaN gives it back to the
// day.
func Set(quantity string, v float64) {
	world.Lock()
	defer world.Unlock()
	if math.IsNaN(v) {
		delete(world.set, quantity)
		return
	}
	if world.set == nil {
		world.set = make(map[string]float64)
	}
	world.set[quantity] = v
}

func feel(quantity string) float64 {
	world.RLock()
	v, ok := world.set[quantity]
	world.RUnlock()
	if ok {
		return v
	}
	return quantities[quantity]()
}

// AirTemperature is the air's temperature now, in °C.
func AirTemperature() float64 { return feel("airTemperature") }

// RelativeHumidity is the air's humidity now, in %.
func RelativeHumidity() float64 { return feel("relativeHumidity") }

// AtmosphericPressure is the air's pressure now, in hPa.
func AtmosphericPressure() float64 { return feel("atmosphericPressure") }

// Illuminance is the light now, in lx.
func Illuminance() float64 { return feel("illuminance") }

// CarbonDioxide is the air's share of it now, in ppm.
func CarbonDioxide() float64 { return feel("carbonDioxide") }

// Particles is the PM2.5 of the air now, in µg/m³.
func Particles() float64 { return feel("pm25") }

// Wave returns mid ± swing, following a sine of the given period in wall time.
func Wave(mid, swing float64, period time.Duration) float64 {
	turn := float64(time.Now().UnixNano()%int64(period)) / float64(period)
	return mid + swing*math.Sin(2*math.Pi*turn)
}
