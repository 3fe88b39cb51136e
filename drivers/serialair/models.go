package serialair

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/drivers"
)

// PMSx003 reads a part of Plantower's that sends frames of 24 or 32 bytes.
var PMSx003 = drivers.New(drivers.Info{
	Name:      "pmsx003",
	Summary:   "Plantower PMS3003, PMS5003, PMS7003, PMSA003: particles (serial)",
	Datasheet: "https://www.aqmd.gov/docs/default-source/aq-spec/resources-page/plantower-pms5003-manual_v2-3.pdf",
	Observes:  observes(0, agent.PM1, agent.PM25, agent.PM10),
}, PMSx003Settings{}, openPMSx003, simulatePMSx003)

// SDS011 reads a part of Nova's.
var SDS011 = drivers.New(drivers.Info{
	Name:      "sds011",
	Summary:   "Nova SDS011, SDS018, SDS021: particles (serial)",
	Datasheet: "https://cdn-reichelt.de/documents/datenblatt/X200/SDS011-DATASHEET.pdf",
	Observes:  observes(1, agent.PM25, agent.PM10),
}, SDS011Settings{}, openSDS011, simulateSDS011)

// MHZ19 reads a part of Winsen's.
var MHZ19 = drivers.New(drivers.Info{
	Name:      "mhz19",
	Summary:   "Winsen MH-Z19, MH-Z19B, MH-Z19C: carbon dioxide (serial)",
	Datasheet: "https://www.winsen-sensor.com/d/files/infrared-gas-sensor/mh-z19b-co2-ver1_0.pdf",
	Observes:  observes(0, agent.CarbonDioxide),
}, MHZ19Settings{}, openMHZ19, simulateMHZ19)

// What the parts need after power-on: those of particles until the air in them
// flows, those of carbon dioxide until their lamp is steady (datasheets, "Technical
// Index", "Preheat time").
const (
	particleWarmUp = 30 * time.Second
	mhzWarmUp      = 3 * time.Minute
)

// PMSx003Settings are the keys of a sensor with driver = "pmsx003".
type PMSx003Settings struct{ drivers.Serial }

// SDS011Settings are the keys of a sensor with driver = "sds011".
type SDS011Settings struct{ drivers.Serial }

// MHZ19Settings are the keys of a sensor with driver = "mhz19".
type MHZ19Settings struct{ drivers.Serial }

func observes(resolution int8, all ...agent.Property) (o []drivers.Observable) {
	for _, p := range all {
		o = append(o, drivers.Observable{Property: p, Resolution: resolution, Class: agent.Telemetry})
	}
	return o
}

func openPMSx003(host drivers.Host, s PMSx003Settings) (agent.Sensor, error) {
	// A frame every 2.3 s at most.
	return &sensor{model: model{nil, 5 * time.Second, particleWarmUp, pmsFrame}, host: host, Serial: s.Serial}, nil
}

func openSDS011(host drivers.Host, s SDS011Settings) (agent.Sensor, error) {
	// A frame a second.
	return &sensor{model: model{nil, 3 * time.Second, particleWarmUp, sdsFrame}, host: host, Serial: s.Serial}, nil
}

func openMHZ19(host drivers.Host, s MHZ19Settings) (agent.Sensor, error) {
	return &sensor{model: model{mhzAsk, time.Second, mhzWarmUp, mhzFrame}, host: host, Serial: s.Serial}, nil
}

// pmsFrame decodes 42 4d, the length of what follows, words, and the sum of all
// bytes before it. Words 4 to 6 are the masses under atmospheric conditions in
// µg/m³ (datasheet, appendix I).
func pmsFrame(b []byte) ([]agent.Result, int, bool, error) {
	if b[0] != 0x42 || len(b) > 1 && b[1] != 0x4d || len(b) > 2 && b[2] != 0 || len(b) > 3 && b[3] != 28 && b[3] != 20 {
		return nil, 0, false, nil
	}
	if len(b) < 4 || len(b) < 4+int(b[3]) {
		return nil, 0, true, nil
	}
	n := 4 + int(b[3])
	var sum uint16
	for _, x := range b[:n-2] {
		sum += uint16(x)
	}
	if sum != binary.BigEndian.Uint16(b[n-2:]) {
		return nil, 0, false, nil
	}
	// The longer frame has the number of particles beyond 0.3 µm in 0.1 l, too.
	if n == pmsaSize && binary.BigEndian.Uint16(b[pmsaCount:]) == 0 {
		return nil, n, false, fmt.Errorf("%w: not one particle: the fan stands or the inlet is blocked", drivers.ErrNoReading)
	}
	var results []agent.Result
	for i, p := range []agent.Property{agent.PM1, agent.PM25, agent.PM10} {
		v := float64(binary.BigEndian.Uint16(b[10+2*i:]))
		if err := drivers.Within(v, 0, 5000); err != nil {
			return nil, n, false, err
		}
		results = append(results, agent.Result{Property: p, Value: v})
	}
	return results, n, false, nil
}

// sdsFrame decodes aa c0, PM2.5 and PM10 in tenths of µg/m³, low byte first, the
// part's number, the sum of these six bytes, ab (datasheet, "UART protocol").
func sdsFrame(b []byte) ([]agent.Result, int, bool, error) {
	if b[0] != 0xaa || len(b) > 1 && b[1] != 0xc0 {
		return nil, 0, false, nil
	}
	if len(b) < 10 {
		return nil, 0, true, nil
	}
	var sum byte
	for _, x := range b[2:8] {
		sum += x
	}
	if sum != b[8] || b[9] != 0xab {
		return nil, 0, false, nil
	}
	pm25, pm10 := float64(binary.LittleEndian.Uint16(b[2:]))/10, float64(binary.LittleEndian.Uint16(b[4:]))/10
	for _, v := range []float64{pm25, pm10} {
		if err := drivers.Within(v, 0, 999.9); err != nil {
			return nil, 10, false, err
		}
	}
	return []agent.Result{{Property: agent.PM25, Value: pm25}, {Property: agent.PM10, Value: pm10}}, 10, false, nil
}

// mhzAsk is the command to read the gas concentration (datasheet, "Protocol").
var mhzAsk = []byte{0xff, 0x01, 0x86, 0, 0, 0, 0, 0, 0x79}

// mhzFrame decodes ff 86, ppm with the high byte first, four bytes that the
// datasheet leaves open, and a checksum.
func mhzFrame(b []byte) ([]agent.Result, int, bool, error) {
	if b[0] != 0xff || len(b) > 1 && b[1] != 0x86 {
		return nil, 0, false, nil
	}
	if len(b) < 9 {
		return nil, 0, true, nil
	}
	if mhzSum(b[1:8]) != b[8] {
		return nil, 0, false, nil
	}
	v := float64(binary.BigEndian.Uint16(b[2:]))
	if err := drivers.Within(v, 1, 10000); err != nil {
		return nil, 9, false, err
	}
	return []agent.Result{{Property: agent.CarbonDioxide, Value: v}}, 9, false, nil
}

// mhzSum is the checksum: the sum of the bytes after the first, negated.
func mhzSum(b []byte) (sum byte) {
	for _, x := range b {
		sum += x
	}
	return -sum
}
