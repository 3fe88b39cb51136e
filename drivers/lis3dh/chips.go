package lis3dh

// A setting is what is written to a register, and must be there after.
type setting struct{ register, value byte }

// A chip is what differs between the two.
type chip struct {
	idRegister, id            byte
	settings                  []setting // of a part that lost power, none of them all are so
	queueControl, queueStatus byte
	full                      func(status byte) bool
	data                      byte // x, y, z: low byte first
	shift                     int  // bits below the number
	perG                      float64
	lowest, highest           int16 // what an acceleration beyond ±2 g is told as
	codes                     int16 // numbers are from −codes to codes − 1
}

// Modes of the queue, the same in both: LIS3DH FIFO_CTRL_REG (8.24), ADXL345
// FIFO_CTL ("FIFO Modes").
const (
	queueOff  = 0x00
	queueOnce = 0x40 // fills and then takes no more
)

// chipLIS3DH has 50 Hz, of which it passes 25 Hz, and ±2 g in 10 bits (ST
// DocID17530, 8.8 to 8.12): the mode of 12 bits would pass 6 Hz only (table 11).
var chipLIS3DH = chip{
	idRegister: 0x0f, id: 0x33,
	settings: []setting{
		{0x20, 0x47}, // CTRL_REG1: 50 Hz, three directions; 0x07 after power-on
		{0x21, 0x00}, // CTRL_REG2: no filter
		{0x23, 0x80}, // CTRL_REG4: both bytes of one sample
		{0x24, 0x40}, // CTRL_REG5: the queue is in use
	},
	queueControl: 0x2e, queueStatus: 0x2f,
	full: func(status byte) bool { return status&0x40 != 0 }, // OVRN_FIFO
	data: 0xa8,                                               // 0x28, with the bit that lets the register count up
	// 1 mg a step of 12 bits (table 4); the lowest two are 0 in this mode.
	shift: 4, perG: 1000, lowest: -2048, highest: 2044, codes: 2048,
}

// chipADXL345 has 50 Hz, of which it passes 25 Hz, and ±2 g in 10 bits (Analog
// Devices ADXL345 Rev. G, "Register Definitions").
var chipADXL345 = chip{
	idRegister: 0x00, id: 0xe5,
	settings: []setting{
		{0x2c, 0x09}, // BW_RATE: 50 Hz; 0x0a after power-on
		{0x31, 0x08}, // DATA_FORMAT: ±2 g
		{0x2e, 0x00}, // INT_ENABLE
		{0x2d, 0x08}, // POWER_CTL: measure
	},
	queueControl: 0x38, queueStatus: 0x39,
	full: func(status byte) bool { return status&0x3f >= samples },
	data: 0x32,
	perG: 256, lowest: -512, highest: 511, codes: 512,
}
