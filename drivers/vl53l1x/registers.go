package vl53l1x

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/drivers"
)

// Registers and what is in them, by the names of ST's drivers: the datasheet does
// not tell them.
const (
	regVHVBound = 0x0008 // VHV_CONFIG__TIMEOUT_MACROP_LOOP_BOUND
	regVHVInit  = 0x000b // VHV_CONFIG__INIT
	regConfig   = 0x002d // and on, to SYSTEM__MODE_START
	regReady    = 0x0031 // GPIO__TIO_HV_STATUS: bit 0 is the interrupt, 1 when there is a result
	regMark     = 0x0072 // SYSTEM__THRESH_HIGH and LOW: of no effect while each result is an interrupt
	regClear    = 0x0086 // SYSTEM__INTERRUPT_CLEAR
	regMode     = 0x0087 // SYSTEM__MODE_START
	regResult   = 0x0089 // RESULT__RANGE_STATUS and on
	regBooted   = 0x00e5 // FIRMWARE__SYSTEM_STATUS: bit 0
	regID       = 0x010f // IDENTIFICATION__MODEL_ID, MODULE_TYPE

	id          = 0xeacc
	start       = 0x40 // again and again
	stop        = 0x00
	allBounds   = 0x81
	fromNothing = 0x92
	twoBounds   = 0x09
	fromBefore  = 0x00
)

// mark is what the driver knows its configuration by.
var mark = [4]byte{0xa5, 0x5a, 0xa5, 0x5a}

// config is what the part must be told after each power-on, register by register
// from 0x2d to 0x87: the figures of ST's Ultra Lite Driver, STSW-IMG009, for its
// long range and 100 ms of light, with three changes: its lines are pulled up to
// the supply (0x2e, 0x2f), and the mark.
var config = func() (c [regMode - regConfig + 1]byte) {
	set := func(reg int, values ...byte) { copy(c[reg-regConfig:], values) }
	set(0x2e, 0x01, 0x01)                               // pads: pulled up to the supply
	set(0x30, 0x01, 0x02)                               // interrupt pin: active high
	set(0x33, 0x02, 0x08, 0x00, 0x08, 0x10, 0x01, 0x01) // estimators, crosstalk window
	set(0x3e, 0xff, 0x00, 0x0f)                         // clip and consistency
	set(0x46, 0x20, 0x0b)                               // an interrupt a result
	set(0x4a, 0x02, 0x0a, 0x21)                         // phase calibration
	set(0x4f, 0x05)                                     // detectors are chosen by the part
	set(0x54, 0xc8, 0x00, 0x00, 0x38, 0xff, 0x01)       // how many
	set(0x5a, 0x00, 0x08, 0x00, 0x00)                   // time of the first steps
	set(0x5e, 0x01, 0xcc, 0x0f, 0x01, 0xf1, 0x0d)       // time and period of light, A and B
	set(0x64, 0x01, 0x68, 0x00, 0x80)                   // worst sigma 90 mm, least signal 1 Mcps
	set(0x68, 0x08, 0xb8)                               // phases that are valid
	set(0x6c, 0x00, 0x00, 0x0f, 0x89)                   // time from start to start, some 100 ms
	set(regMark, mark[:]...)
	set(0x77, 0x01, 0x0f, 0x0d, 0x0e, 0x0e) // seed, windows and phases, A and B
	set(0x7e, 0x02, 0xc7, 0xff, 0x9b)       // all detectors, all steps
	set(0x85, 0x01)
	return c
}()

// result is what the part says of one ranging: status at 0, report status,
// stream count, then words of detectors, signal, ambient light, sigma, phase, and
// at 13 the distance in mm.
type result [17]byte

// Limits of what is believed, in m (datasheet, table "Ranging specification").
const (
	nearest  = 0.04
	farthest = 4
)

var (
	errTarget = fmt.Errorf("no target that is seen well: %w", drivers.ErrNoReading)
	errPart   = errors.New("the part reports a fault of its own")
)

// What the status says, by ST's drivers.
const (
	statusValid   = 9
	statusMinimum = 8
)

var statuses = map[byte]error{
	1: fmt.Errorf("%w (laser)", errPart), 2: fmt.Errorf("%w (laser watchdog)", errPart),
	3: fmt.Errorf("%w (no detector voltage)", errPart), 17: fmt.Errorf("%w (clip)", errPart),
	4: fmt.Errorf("%w (too little light comes back)", errTarget), 5: fmt.Errorf("%w (beyond the range)", errTarget),
	6: fmt.Errorf("%w (too much noise)", errTarget), 7: fmt.Errorf("%w (an echo from beyond the range)", errTarget),
	statusMinimum: fmt.Errorf("too near: %w", drivers.ErrRange),
}

// decode returns the distance in m of a result that the part finds valid.
func (r result) decode() (float64, error) {
	status := r[0] & 0x1f
	if status != statusValid {
		if err, ok := statuses[status]; ok {
			return 0, err
		}
		return 0, fmt.Errorf("%w (status %d)", drivers.ErrNoReading, status)
	}
	v := float64(binary.BigEndian.Uint16(r[13:])) / 1000
	return v, drivers.Within(v, nearest, farthest)
}
