package sensirion

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// simulateSEN5x puts a part on the bus that feels the simulated air.
func simulateSEN5x(host *sim.Host, s SEN5xSettings) {
	s.Simulate(host, newNode(s.Model, sen5xRead, sen5xResetTime, time.Now()))
}

// simulateSEN66 puts a part on the bus that has measured for long.
func simulateSEN66(host *sim.Host, s SEN66Settings) {
	s.Simulate(host, newNode("sen66", sen66Read, sen66ResetTime, time.Now().Add(-time.Hour)))
}

// newNode returns a part that another program left measuring.
func newNode(model string, read uint16, reset time.Duration, since time.Time) *part {
	var measures bool
	began := since
	var taken int // how many measurements were read or are over
	count := func() int { return int(time.Since(since) / time.Second) }
	p := newPart(sen5xStartTime, func() { measures = false }, func(code uint16, args, into []uint16) ([]uint16, time.Duration, bool) {
		switch {
		case code == particleReset:
			measures = false
			return nil, reset, true
		case code == sen5xName:
			var name [32]byte
			copy(name[:], strings.ToUpper(model))
			for i := 0; i < len(name); i += 2 {
				into = append(into, binary.BigEndian.Uint16(name[i:]))
			}
			return into, sen5xNameTime, true
		case code == particleStatus, code == particleClear && model == "sen66":
			return append(into, 0, 0), sen5xTime, true
		case code == particleClear:
			return nil, sen5xTime, true
		case code == sen5xStart && !measures:
			measures, since, taken = true, time.Now(), 0
			return nil, sen5xStartTime, true
		case code == particleReady && measures && count() > taken:
			return append(into, 1), sen5xTime, true
		case code == particleReady:
			return append(into, 0), sen5xTime, true
		case code == read:
			if measures {
				taken = count()
			}
			return sen5xFrame(into, model, measures, since), sen5xTime, true
		case code == sen66Pressure && len(args) == 1 && model == "sen66":
			return nil, sen5xTime, true
		}
		return nil, 0, false
	})
	measures, since = true, began
	return p
}

// sen5xFrame appends what a part of a model says. It needs ten seconds to say
// something about NOx.
func sen5xFrame(into []uint16, model string, measures bool, since time.Time) []uint16 {
	w := append(into, sen5xNoMass, sen5xNoMass, sen5xNoMass, sen5xNoMass, sen5xNone, sen5xNone, sen5xNone, sen5xNone)
	if model == "sen66" {
		w = append(w, sen66NoCO2)
	}
	if !measures {
		return w
	}
	for i, share := range []float64{9, 10, 11, 11.5} { // tenths, in tenths of µg/m³
		w[i] = uint16(share * sim.Particles())
	}
	filled, ok := sen5xModels[model]
	if !ok {
		filled = len(sen5xFields)
		if time.Since(since) >= 6*time.Second {
			w[8] = uint16(sim.CarbonDioxide())
		}
	}
	if filled == len(sen5xFields) && time.Since(since) < 10*time.Second {
		filled--
	}
	for i, v := range []float64{sim.RelativeHumidity(), sim.AirTemperature(), 98, 1}[:filled] {
		w[len(mass)+i] = uint16(int16(v * sen5xFields[i].steps))
	}
	return w
}
