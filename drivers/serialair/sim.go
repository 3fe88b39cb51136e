package serialair

import (
	"encoding/binary"
	"time"

	"github.com/lamppost-city/lamppost/drivers/sim"
)

// stream is a part that sends a frame a second.
type stream func() []byte

// Write implements sim.SerialPart: such a part is told nothing.
func (stream) Write([]byte) {}

// Reset implements sim.SerialPart.
func (stream) Reset() {}

// Sent implements sim.SerialPart.
func (s stream) Sent(from, to time.Time) []byte {
	if from.Truncate(time.Second).Equal(to.Truncate(time.Second)) {
		return nil
	}
	return s()
}

func simulatePMSx003(host *sim.Host, s PMSx003Settings) {
	host.AddSerial(s.Port, stream(func() []byte { return pmsWords(sim.Particles()) }))
}

// pmsWords is a frame of a part by Plantower, for a PM2.5.
func pmsWords(pm25 float64) []byte {
	b := append(make([]byte, 0, 32), 0x42, 0x4d, 0, 28)
	for _, share := range []float64{0.7, 1, 1.2, 0.7, 1, 1.2, 180, 55, 8, 1, 0, 0} {
		b = binary.BigEndian.AppendUint16(b, uint16(share*pm25))
	}
	b = append(b, 0x97, 0)
	var sum uint16
	for _, x := range b {
		sum += uint16(x)
	}
	return binary.BigEndian.AppendUint16(b, sum)
}

func simulateSDS011(host *sim.Host, s SDS011Settings) {
	host.AddSerial(s.Port, stream(func() []byte {
		b := []byte{0xaa, 0xc0}
		b = binary.LittleEndian.AppendUint16(b, uint16(10*sim.Particles()))
		b = binary.LittleEndian.AppendUint16(b, uint16(12*sim.Particles()))
		b = append(b, 0xa1, 0x60)
		var sum byte
		for _, x := range b[2:] {
			sum += x
		}
		return append(b, sum, 0xab)
	}))
}

// meter is an MH-Z19.
type meter struct {
	answer []byte
	at     time.Time
}

func simulateMHZ19(host *sim.Host, s MHZ19Settings) { host.AddSerial(s.Port, &meter{}) }

// Write implements sim.SerialPart.
func (m *meter) Write(b []byte) {
	if string(b) != string(mhzAsk) {
		return
	}
	ppm := uint16(sim.CarbonDioxide())
	m.answer = []byte{0xff, 0x86, byte(ppm >> 8), byte(ppm), 0x44, 0, 0, 0}
	m.answer = append(m.answer, mhzSum(m.answer[1:]))
	m.at = time.Now().Add(20 * time.Millisecond)
}

// Sent implements sim.SerialPart.
func (m *meter) Sent(from, to time.Time) []byte {
	if m.at.After(from) && !m.at.After(to) {
		return m.answer
	}
	return nil
}

// Reset implements sim.SerialPart.
func (m *meter) Reset() { *m = meter{} }
