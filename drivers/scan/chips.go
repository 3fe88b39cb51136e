package scan

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/drivers"
)

// chips are the parts that a scan knows, those with an identity first. Sources
// are the datasheets that the drivers name, and for other parts the one beside
// the rule.
var chips = slices.Concat(identified, calibrated, alike, commanded)

// identified are chips that have an identity in a register.
var identified = []rule{
	{chip: "Bosch BME280", driver: "bme280", sure: Certain, addresses: at(0x76, 0x77), steps: []step{register(0xd0, 0x60)}},
	{chip: "Bosch BMP280", driver: "bmp280", sure: Certain, addresses: at(0x76, 0x77), steps: []step{ // BST-BMP280-DS001, 4.3.1
		registers(0xd0, 1, func(b []byte) bool { return b[0] >= 0x56 && b[0] <= 0x58 }),
	}},
	{chip: "Bosch BME680 or BME688", driver: "bme680", sure: Certain, addresses: at(0x76, 0x77), steps: []step{register(0xd0, 0x61)}}, // BST-BME680-DS001, 5.3.1
	{chip: "Bosch BMP180", driver: "bmp180", sure: Certain, addresses: at(0x77), steps: []step{register(0xd0, 0x55)}},                 // BST-BMP180-DS000, 4
	{chip: "Bosch BMP388", driver: "bmp388", sure: Certain, addresses: at(0x76, 0x77), steps: []step{register(0x00, 0x50)}},           // BST-BMP388-DS001, 4.3.1
	{chip: "Bosch BMP390", driver: "bmp388", sure: Certain, addresses: at(0x76, 0x77), steps: []step{register(0x00, 0x60)}},           // BST-BMP390-DS002, 4.3.1
	// The memory with the calibration was read, without an error.
	{chip: "Bosch BMP580 or BMP581", driver: "bmp581", sure: Certain, addresses: at(0x46, 0x47), steps: []step{register(0x01, 0x50), registers(0x28, 1, masked(0x06, 0x02))}}, // BST-BMP581-DS004, 7
	{chip: "Bosch BMP585", driver: "bmp581", sure: Certain, addresses: at(0x46, 0x47), steps: []step{register(0x01, 0x51), registers(0x28, 1, masked(0x06, 0x02))}},
	{chip: "Infineon DPS310", driver: "dps310", sure: Certain, addresses: at(0x76, 0x77), steps: []step{register(0x0d, 0x10)}},
	{chip: "TI INA226", driver: "ina226", sure: Certain, addresses: span(0x40, 0x4f), steps: []step{word(0xfe, 0xffff, 0x5449), word(0xff, 0xffff, 0x2260)}},
	{chip: "TI INA228", driver: "ina228", sure: Certain, addresses: span(0x40, 0x4f), steps: []step{word(0x3e, 0xffff, 0x5449), word(0x3f, 0xfff0, 0x2280)}},   // SLYS021A, 7.6.1
	{chip: "TI INA3221", driver: "ina3221", sure: Certain, addresses: span(0x40, 0x43), steps: []step{word(0xfe, 0xffff, 0x5449), word(0xff, 0xffff, 0x3220)}}, // SBOS576, 8.6.2
	{chip: "TI INA260", driver: "ina260", sure: Certain, addresses: span(0x40, 0x4f), steps: []step{word(0xfe, 0xffff, 0x5449), word(0xff, 0xfff0, 0x2270)}},   // SBOS656, 8.6.1
	{chip: "TI HDC1080", driver: "hdc1080", sure: Certain, addresses: at(0x40), steps: []step{word(0xfe, 0xffff, 0x5449), word(0xff, 0xffff, 0x1050)}},
	{chip: "TI HDC2080", driver: "hdc2080", sure: Certain, addresses: at(0x40, 0x41), steps: []step{register(0xfc, 0x49, 0x54, 0xd0, 0x07)}},
	{chip: "TI OPT3001", driver: "opt3001", sure: Certain, addresses: span(0x44, 0x47), steps: []step{word(0x7e, 0xffff, 0x5449), word(0x7f, 0xffff, 0x3001)}},
	{chip: "TI TMP117", driver: "tmp117", sure: Certain, addresses: span(0x48, 0x4b), steps: []step{word(0x0f, 0x0fff, 0x0117)}},
	{chip: "Microchip MCP9808", driver: "mcp9808", sure: Certain, addresses: span(0x18, 0x1f), steps: []step{word(0x06, 0xffff, 0x0054), word(0x07, 0xff00, 0x0400)}},
	{chip: "TI TMP421", driver: "tmp421", sure: Certain, addresses: tmp421, steps: []step{register(0xfe, 0x55), register(0xff, 0x21)}},
	{chip: "TI TMP422", driver: "tmp421", sure: Certain, addresses: tmp421, steps: []step{register(0xfe, 0x55), register(0xff, 0x22)}},
	{chip: "TI TMP423", driver: "tmp421", sure: Certain, addresses: tmp421, steps: []step{register(0xfe, 0x55), register(0xff, 0x23)}},
	{chip: "Vishay VEML7700", driver: "veml7700", sure: Certain, addresses: at(0x10), steps: []step{registers(0x07, 2, func(b []byte) bool { return b[0] == 0x81 && b[1]&0xef == 0xc4 })}},
	{chip: "Benewake TF-Luna", driver: "tfluna", sure: Certain, addresses: at(0x10), steps: []step{register(0x3c, 'L', 'U', 'N', 'A')}},                            // SJ-PM-TF-Luna A05, appendix III
	{chip: "ST LIS3DH, LIS2DH12 or accelerometer of a LSM303AGR", driver: "lis3dh", sure: Certain, addresses: at(0x18, 0x19), steps: []step{register(0x0f, 0x33)}}, // DocID17530, 8.7
	{chip: "Vishay VEML6075", driver: "veml6075", sure: Certain, addresses: at(0x10), steps: []step{register(0x0c, 0x26, 0x00)}},                                   // 84304, command register format
	{chip: "Maxim MAX17048", driver: "max17048", sure: Certain, addresses: at(0x36), steps: []step{word(0x08, 0xfff0, 0x0010), word(0x0c, 0xff00, 0x9700)}},
	{chip: "TDK MPU-6050", sure: Certain, addresses: at(0x68, 0x69), steps: []step{register(0x75, 0x68)}},                                         // RM-MPU-6000A, 4.32
	{chip: "ST HTS221", driver: "hts221", sure: Certain, addresses: at(0x5f), steps: []step{register(0x0f, 0xbc)}},                                // DocID026333, 7.1
	{chip: "ST LPS22HB, LPS33HW or LPS35HW", driver: "lps22", sure: Certain, addresses: at(0x5c, 0x5d), steps: []step{register(0x0f, 0xb1)}},      // DocID027083, 9.7
	{chip: "ST LPS22HH or LPS27HHW", driver: "lps22", sure: Certain, addresses: at(0x5c, 0x5d), steps: []step{register(0x0f, 0xb3)}},              // DocID030890, WHO_AM_I
	{chip: "ST LPS22DF or LPS28DFW", driver: "lps22", sure: Certain, addresses: at(0x5c, 0x5d), steps: []step{register(0x0f, 0xb4)}},              // DS13316, WHO_AM_I
	{chip: "Lite-On LTR-390", driver: "ltr390", sure: Certain, addresses: at(0x53), steps: []step{registers(0x06, 1, masked(0xf0, 0xb0))}},        // DS86-2015-0004, 6
	{chip: "Analog Devices ADXL345 or ADXL343", driver: "adxl345", sure: Certain, addresses: at(0x1d, 0x53), steps: []step{register(0x00, 0xe5)}}, // Rev. G, register map
	{chip: "ST LIS2MDL", sure: Certain, addresses: at(0x1e), steps: []step{register(0x4f, 0x40)}},                                                 // DocID029045, 8.5
	{chip: "ams TSL2591", driver: "tsl2591", sure: Certain, addresses: at(0x29), steps: []step{register(0xb2, 0x50)}},                             // ams Datasheet v2, figure 24
	{chip: "ams CCS811", driver: "ccs811", sure: Certain, addresses: at(0x5a, 0x5b), steps: []step{register(0x20, 0x81)}},                         // SC-001232-DS, table 15
	{chip: "ScioSense ENS160", driver: "ens160", sure: Certain, addresses: at(0x52, 0x53), steps: []step{register(0x00, 0x60, 0x01)}},             // SC-001224-DS, 16.2.1
	{chip: "MEMSIC MMC5603 or MMC5633", driver: "mmc5603", sure: Certain, addresses: at(0x30), steps: []step{register(0x39, 0x10)}},
}

// alike are chips that are known by what their registers hold after power-on, or
// always. None has an identity that no other chip has.
var alike = []rule{
	{
		chip: "ST LSM303DLHC magnetometer or Honeywell HMC5883L", driver: "lsm303mag", sure: Likely,
		settings:  "part = \"lsm303dlhc\" # what it is: lsm303dlhc or hmc5883l; they tell the same\n",
		addresses: at(0x1e), steps: []step{register(0x0a, 'H', '4', '3')},
	},
	// An identity of ff says little; the rest is what no setting changes.
	{chip: "QST QMC5883L", driver: "qmc5883l", sure: Likely, addresses: at(0x0d), steps: []step{
		register(0x0d, 0xff), registers(0x06, 1, masked(0xf8, 0)), registers(0x0a, 1, masked(0x3e, 0)),
	}},
	{
		// Product 0 is what some parts tell; both coefficients and part are ready.
		chip: "Infineon DPS310 that does not tell its number", driver: "dps310", settings: "any_product = true\n", sure: Likely,
		addresses: at(0x76, 0x77), steps: []step{
			registers(0x0d, 1, func(b []byte) bool { return b[0] != 0x60 }), registers(0x08, 1, masked(0xc0, 0xc0)), registers(0x10, 18, different),
		},
	},
	// Limits of 75 and 80 °C are what all have after power-on.
	{chip: "TI TMP102 (LM75 family)", driver: "lm75", settings: "part = \"tmp102\"\n", sure: Likely, addresses: span(0x48, 0x4b), steps: []step{
		word(0x02, 0xfff0, 0x4b00), word(0x03, 0xfff0, 0x5000), word(0x01, 0x60cf, 0x6080),
	}},
	{
		chip: "LM75 family: LM75, LM75B, TMP75, TMP105 and others", driver: "lm75", sure: Likely,
		settings:  "part = \"lm75\" # what is printed on it: lm75, lm75b, tmp75 or tmp105; finer than lm75\n",
		addresses: span(0x48, 0x4f), steps: []step{word(0x02, 0xff80, 0x4b00), word(0x03, 0xff80, 0x5000), registers(0x01, 1, masked(0x80, 0))},
	},
	{chip: "TI ADS1115 or ADS1015", driver: "ads1115", sure: Likely, addresses: span(0x48, 0x4b), steps: []step{word(0x01, 0x7fff, 0x0583), word(0x02, 0xffff, 0x8000)}}, // SBAS444, 9.6
	// Version, scratch and control as after power-on, or as the driver sets them (programming manual).
	{chip: "PCB Artists decibel meter", driver: "pcbadbm", sure: Likely, addresses: at(0x48), steps: []step{registers(0x00, 9, isDecibelMeter)}},
	{chip: "TI INA219", driver: "ina219", sure: Likely, addresses: span(0x40, 0x4f), steps: []step{word(0x00, 0xffff, 0x399f), word(0x02, 0x0004, 0), word(0x05, 0x0001, 0)}},
	// Older gauges have small numbers as their version.
	{chip: "Maxim MAX17043", driver: "max17048", sure: Likely, addresses: at(0x36), steps: []step{
		registers(0x08, 2, func(b []byte) bool { return b[0] == 0 && b[1] > 0 && b[1] < 0x10 }), word(0x0c, 0xff00, 0x9700),
	}},
	// Control and status as they are after power-on, or nearly so.
	{chip: "Maxim DS3231 clock: dtoverlay=i2c-rtc,ds3231 sets the clock by it", driver: "ds3231", sure: Likely, addresses: at(0x68), steps: []step{
		registers(0x00, 7, isClock), registers(0x0e, 2, func(b []byte) bool { return (b[0]&0x1c == 0x1c || b[1]&0x08 != 0) && b[1]&0x70 == 0 }), registers(0x12, 1, masked(0x3f, 0)),
	}},
	{chip: "real-time clock of the DS1307 family: dtoverlay=i2c-rtc,ds1307 sets the clock by it", driver: "ds1307", sure: Likely, addresses: at(0x68), steps: []step{registers(0x00, 7, isClock)}},
	// The part tells its address, with the checksum of SMBus.
	{chip: "Melexis MLX90614", driver: "mlx90614", sure: Certain, addresses: at(0x5a), steps: []step{registers(0x2e, 3, isMLX90614)}},
	{chip: "Plantower PMSA003I", driver: "pmsa003i", sure: Certain, addresses: at(0x12), steps: []step{{read: 32, fits: isPMSA003I}}},
	{chip: "Aosong AHT20", driver: "aht20", sure: Likely, addresses: at(0x38), steps: []step{{read: 7, fits: isAHT20}}},
	// An expander of another kind would take a register's number as levels: it is not asked.
	{chip: "Microchip MCP23017", driver: "mcp23017", sure: Possible, addresses: at(0x20, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27)},
	{chip: "NXP PCF8574", driver: "pcf8574", sure: Possible, addresses: at(0x20, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27)},
	{chip: "NXP PCF8574A", driver: "pcf8574", sure: Possible, addresses: span(0x38, 0x3f)},
	// The number of its register has two bytes: the second may be written to another part.
	{chip: "ST VL53L1X or VL53L0X", driver: "vl53l1x", sure: Possible, addresses: at(0x29)},
	{chip: "Rohm BH1750", driver: "bh1750", sure: Possible, addresses: at(0x23, 0x5c)},
	{chip: "TI INA219", driver: "ina219", sure: Possible, addresses: span(0x40, 0x4f)},
	{chip: "LM75 family", driver: "lm75", sure: Possible, addresses: span(0x48, 0x4f)},
}

// commanded are parts that take commands.
var commanded = []rule{
	{chip: "TI HDC302x", driver: "hdc302x", sure: Certain, addresses: span(0x44, 0x47), quiet: true, steps: []step{words([]byte{0x37, 0x81}, ms, 1, is(0x3000))}}, // SNAS778, 8.5.7.12
	{chip: "Sensirion SHT4x", driver: "sht4x", sure: Certain, addresses: span(0x44, 0x46), quiet: true, steps: []step{words([]byte{0x89}, 2*ms, 2, nil)}},
	{chip: "Sensirion SHT3x", driver: "sht3x", sure: Certain, addresses: at(0x44, 0x45), quiet: true, steps: []step{words([]byte{0xf3, 0x2d}, 2*ms, 1, nil)}},
	// The start of the electronic identity has the checksum that begins with 0.
	{chip: "Sensirion SHT2x, TE HTU21D or Si7021", driver: "sht2x", sure: Likely, addresses: at(0x40), quiet: true, steps: []step{
		{[]byte{0xe7}, 0, 1, func(b []byte) bool { return b[0]&0x3a == 0x02 || b[0]&0x3a == 0x3a }},
		{[]byte{0xfc, 0xc9}, 0, 6, func(b []byte) bool { return drivers.CRC8(b[:2]) == b[2]^drivers.CRC8([]byte{0, 0}) }},
	}},
	{chip: "Sensirion SHTC3", driver: "shtc3", sure: Certain, addresses: at(0x70), quiet: true, steps: []step{
		{[]byte{0x35, 0x17}, ms, 0, always},
		words([]byte{0xef, 0xc8}, ms, 1, func(w []uint16) bool { return w[0]&0x083f == 0x0807 }),
		{[]byte{0xb0, 0x98}, ms, 0, always}, // and back to sleep
	}},
	{chip: "Sensirion SCD4x", driver: "scd4x", sure: Certain, addresses: at(0x62), quiet: true, steps: []step{words([]byte{0x36, 0x82}, 2*ms, 3, nil)}},
	// While it measures, it answers only whether there is a result.
	{chip: "Sensirion SCD4x", driver: "scd4x", sure: Likely, addresses: at(0x62), quiet: true, steps: []step{words([]byte{0xe4, 0xb8}, 2*ms, 1, nil)}},
	{chip: "Sensirion SGP30", driver: "sgp30", sure: Certain, addresses: at(0x58), quiet: true, steps: []step{
		words([]byte{0x20, 0x2f}, 10*ms, 1, func(w []uint16) bool { return w[0]&0xf0f0 == 0x0020 }),
	}},
	{chip: "Sensirion SGP40", driver: "sgp40", sure: Certain, addresses: at(0x59), quiet: true, steps: []step{words([]byte{0x20, 0x2f}, 10*ms, 1, feature(0x020))}},
	{chip: "Sensirion SGP41", driver: "sgp41", sure: Certain, addresses: at(0x59), quiet: true, steps: []step{words([]byte{0x20, 0x2f}, 10*ms, 1, feature(0x040))}},
	{chip: "Sensirion SFA30", driver: "sfa30", sure: Certain, addresses: at(0x5d), quiet: true, steps: []step{words([]byte{0xd0, 0x60}, 5*ms, 16, nil)}},
	// While it measures, it answers what it has measured.
	{chip: "Sensirion SFA30", driver: "sfa30", sure: Likely, addresses: at(0x5d), quiet: true, steps: []step{words([]byte{0x03, 0x27}, 5*ms, 3, nil)}},
	{chip: "Sensirion SCD30", driver: "scd30", sure: Certain, addresses: at(0x61), eager: true, steps: []step{words([]byte{0xd1, 0x00}, 5*ms, 1, nil)}},
	ezo("CO2", "ezoco2", 0x69), ezo("D.O.", "ezodo", 0x61), ezo("DO", "ezodo", 0x61), ezo("EC", "ezoec", 0x64), ezo("FLO", "ezoflo", 0x68),
	ezo("OR", "ezoorp", 0x62), ezo("pH", "ezoph", 0x63), ezo("RTD", "ezortd", 0x66),
	sen5x("sen50"), sen5x("sen54"), sen5x("sen55"),
	{chip: "Sensirion SEN66", driver: "sen66", sure: Certain, addresses: at(0x6b), quiet: true, steps: []step{words([]byte{0xd0, 0x14}, 50*ms, 16, named("SEN66"))}},
	{chip: "Sensirion SPS30", driver: "sps30", sure: Certain, addresses: at(0x69), eager: true, steps: []step{words([]byte{0xd0, 0x02}, 5*ms, 4, is(0x3030, 0x3038, 0x3030, 0x3030))}},
}

const ms = time.Millisecond

var tmp421 = at(0x1c, 0x1d, 0x1e, 0x1f, 0x2a, 0x4c, 0x4d, 0x4e, 0x4f)

// sen5x is the rule of one model, which tells its name.
func sen5x(model string) rule {
	name := strings.ToUpper(model)
	return rule{chip: "Sensirion " + name, driver: "sen5x", settings: "model = \"" + model + "\"\n", sure: Certain, addresses: at(0x69), eager: true, steps: []step{
		words([]byte{0xd0, 0x14}, 50*ms, 16, named(name)),
	}}
}

// ezo is the rule of an EZO circuit, which tells its name (datasheets, "Device
// information"). The question is one byte: another part points at a register.
func ezo(name, driver string, address uint16) rule {
	start := []byte("\x01?I," + name + ",")
	return rule{chip: "Atlas Scientific EZO " + name, driver: driver, sure: Certain, addresses: at(address), steps: []step{
		{[]byte("i"), 300 * ms, 32, func(b []byte) bool { return bytes.HasPrefix(b, start) }},
	}}
}

// named says that the words begin with a name of five letters.
func named(name string) func([]uint16) bool {
	return func(w []uint16) bool {
		return string([]byte{byte(w[0] >> 8), byte(w[0]), byte(w[1] >> 8), byte(w[1]), byte(w[2] >> 8)}) == name
	}
}

func at(addresses ...uint16) []uint16  { return addresses }
func span(first, last uint16) []uint16 { return drivers.AddressRange(first, last) }
func always([]byte) bool               { return true }

// is says which words are right.
func is(want ...uint16) func([]uint16) bool {
	return func(w []uint16) bool { return slices.Equal(w, want) }
}

// feature is the feature set of an SGP4x: its lower nine bits tell the part.
func feature(want uint16) func([]uint16) bool {
	return func(w []uint16) bool { return w[0]&0x01ff == want }
}

// masked says what a byte is under a mask.
func masked(mask, want byte) func([]byte) bool {
	return func(b []byte) bool { return b[0]&mask == want }
}

// different says that not all bytes are the same, as on a wire that is stuck.
func different(b []byte) bool {
	return slices.ContainsFunc(b, func(x byte) bool { return x != b[0] })
}

// isAHT20 tells by the checksum (datasheet, section 5.4.4), which is enough only
// where the bytes differ: an expander answers the same one again and again.
func isAHT20(b []byte) bool { return different(b[1:]) && drivers.CRC8(b[:6]) == b[6] }

// isMLX90614 tells by the address of the part, 0x5a, and the packet error code
// over the whole transaction (SMBus 3.1, 5.4; MLX90614 datasheet, 8.4.3).
func isMLX90614(b []byte) bool {
	var crc byte
	for _, x := range []byte{0x5a << 1, 0x2e, 0x5a<<1 | 1, b[0], b[1]} {
		crc ^= x
		for range 8 {
			carry := crc & 0x80
			if crc <<= 1; carry != 0 {
				crc ^= 0x07
			}
		}
	}
	return b[0] == 0x5a && b[2] == crc
}

// isPMSA003I tells by the frame: its start, its length and the sum of its bytes
// (Plantower PMSA003I manual, appendix I).
func isPMSA003I(b []byte) bool {
	var sum uint16
	for _, x := range b[:30] {
		sum += uint16(x)
	}
	return string(b[:4]) == "\x42\x4d\x00\x1c" && sum == uint16(b[30])<<8|uint16(b[31])
}

// isDecibelMeter tells by version, scratch register, control and average.
func isDecibelMeter(b []byte) bool {
	return (b[0] == 0x31 || b[0] == 0x32 || b[0] == 0x81) && (b[5] == 0xaa || b[5] == 0x5a) && b[6]&0xb9 == 0 && b[7]|b[8] != 0
}

// isClock tells whether the bytes are a time as the DS1307 keeps it: BCD, with
// zeros where there is nothing (Maxim DS1307, table 2).
func isClock(b []byte) bool {
	limits := []struct{ mask, lowest, highest byte }{
		{0x7f, 0, 0x59}, {0x7f, 0, 0x59}, {0x3f, 0, 0x32}, {0x07, 1, 7}, {0x3f, 1, 0x31}, {0x1f, 1, 0x12}, {0xff, 0, 0x99},
	}
	for i, l := range limits {
		v := b[i] & l.mask
		if i == 2 && b[i]&0x40 != 0 { // hours up to 12, and whether after noon
			v = b[i] & 0x1f
		}
		if v < l.lowest || v > l.highest || v&0x0f > 9 {
			return false
		}
		if unused := b[i] &^ l.mask; unused != 0 && i != 0 && !(i == 2 && unused == 0x40) && !(i == 5 && unused == 0x80) {
			return false
		}
	}
	return true
}
