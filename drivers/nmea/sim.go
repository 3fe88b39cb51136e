package nmea

import (
	"fmt"
	"math"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// receiver is one with an antenna in Lausanne. It knows where it is a second after
// its power was switched on, as one that was off for a moment does.
type receiver struct {
	locked time.Time
}

// simulate puts a receiver on the port that has a fix.
func simulate(host *sim.Host, s Settings) { host.AddSerial(s.Port, &receiver{}) }

// Write implements sim.SerialPart: a receiver is told nothing.
func (*receiver) Write([]byte) {}

// Reset implements sim.SerialPart.
func (r *receiver) Reset() { r.locked = time.Now().Add(time.Second) }

// Sent implements sim.SerialPart: a fix at each full second, sent 0.1 s later.
func (r *receiver) Sent(from, to time.Time) (b []byte) {
	const late = 100 * time.Millisecond
	for at := from.Add(-late).Truncate(time.Second).Add(time.Second); !at.Add(late).After(to); at = at.Add(time.Second) {
		b = append(b, r.sentences(at.UTC())...)
	}
	return b
}

func (r *receiver) sentences(at time.Time) []byte {
	clock, date := at.Format("150405.00"), at.Format("020106")
	if at.Before(r.locked) {
		return []byte(frame("GNRMC,"+clock+",V,,,,,,,"+date+",,,N,V") + frame("GNGGA,"+clock+",,,,,0,00,99.99,,,,,,"))
	}
	wander := sim.Wave(0, 0.00001, 10*time.Minute) // a metre
	place := angle(46.519700+wander, "%02.0f%08.5f") + ",N," + angle(6.632300+wander, "%03.0f%08.5f") + ",E"
	return []byte(frame("GNRMC,"+clock+",A,"+place+",0.02,,"+date+",,,A,V") +
		frame("GNVTG,,T,,M,0.02,N,0.04,K,A") +
		frame(fmt.Sprintf("GNGGA,%s,%s,1,11,0.92,%.1f,M,48.0,M,,", clock, place, 412+sim.Wave(0, 2, 10*time.Minute))) +
		frame("GNGSA,A,3,05,13,15,18,20,23,24,29,,,,,1.60,0.92,1.31,1") +
		frame("GPGSV,1,1,00,1"))
}

// angle writes degrees and minutes.
func angle(v float64, format string) string {
	whole := math.Floor(v)
	return fmt.Sprintf(format, whole, (v-whole)*60)
}

// frame puts the beginning, checksum and end around a sentence.
func frame(body string) string {
	return fmt.Sprintf("$%s*%02X\r\n", body, checksum([]byte(body)))
}
