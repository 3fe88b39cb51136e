package scan

import "encoding/binary"

// calibrated are the pressure sensors of TE Connectivity, which have no identity
// but a memory with a checksum: its layout and what is in it tell them apart, as
// far as that goes.
var calibrated = []rule{
	{
		chip: "TE MS5611 (MS5607 is alike, but needs another formula)", driver: "ms5611", sure: Likely,
		addresses: at(0x76, 0x77), steps: memory(8), all: func(b []byte) bool { return isMS56(b, 7) },
	},
	// Numbers of the models, in the first word, are of the MS5837's datasheets.
	{
		chip: "TE MS5837-30BA", driver: "ms5837", settings: "model = \"30ba\"\n", sure: Certain,
		addresses: at(0x76), steps: memory(7), all: func(b []byte) bool { return isMS56(b, 0) && number(b) == 0x1a },
	},
	{
		chip: "TE MS5837-02BA", driver: "ms5837", settings: "model = \"02ba\"\n", sure: Certain,
		addresses: at(0x76), steps: memory(7), all: func(b []byte) bool { return isMS56(b, 0) && number(b) == 0x15 },
	},
	// Older ones have none. One for 30 bar has less sensitivity.
	{
		chip: "TE MS5837-30BA", driver: "ms5837", settings: "model = \"30ba\"\n", sure: Likely,
		addresses: at(0x76), steps: memory(7), all: func(b []byte) bool { return isMS56(b, 0) && binary.BigEndian.Uint16(b[2:]) <= 37000 },
	},
	{
		chip: "TE MS5637 (or MS5837-02BA: driver ms5837)", driver: "ms5637", sure: Likely,
		addresses: at(0x76), steps: memory(7), all: func(b []byte) bool { return isMS56(b, 0) },
	},
}

// memory reads the first words of a part's memory, one at a time.
func memory(words int) (steps []step) {
	for i := range words {
		steps = append(steps, registers(0xa0+2*byte(i), 2, always))
	}
	return steps
}

func number(b []byte) uint16 { return binary.BigEndian.Uint16(b) >> 5 & 0x7f }

// isMS56 tells by the checksum of four bits (AN520), in the last bits of the
// eighth word or the first ones of the first. Six coefficients that are not all
// the same make up for its shortness. A memory with the one and without an eighth
// word has the other, too.
func isMS56(b []byte, word int) bool {
	for i := 2; i < 14; i += 2 {
		if c := binary.BigEndian.Uint16(b[i:]); c == 0 || c == 0xffff {
			return false
		}
	}
	var w [16]byte
	copy(w[:], b)
	var want byte
	if word == 7 {
		if w[14] == 0 && w[15] == 0 {
			return false
		}
		want, w[15] = w[15]&0x0f, 0
	} else {
		want = w[0] >> 4
		w[0] &= 0x0f
	}
	var crc uint16
	for _, x := range w {
		crc ^= uint16(x)
		for range 8 {
			carry := crc & 0x8000
			if crc <<= 1; carry != 0 {
				crc ^= 0x3000
			}
		}
	}
	return different(b[2:14]) && byte(crc>>12) == want
}
