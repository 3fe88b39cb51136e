package nmea

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lamppost-city/lamppost/drivers"
)

// A sentence is what a receiver says in one line (NMEA 0183, 5.3).
type sentence struct {
	talker, kind string
	fields       [20][]byte // those that are absent are empty, as those that are left out
}

// talkers are the systems that a receiver works with: GPS, GLONASS, Galileo,
// BeiDou by its two names, QZSS, and several together.
var talkers = []string{"GP", "GL", "GA", "GB", "BD", "GQ", "GN"}

// kinds are the sentences with a position: these are read, others are not.
var kinds = []string{"GGA", "GNS", "RMC"}

const hexDigits = "0123456789ABCDEF"

// checksum is what stands after the star: all bytes between $ and *, exclusive or.
func checksum(body []byte) (sum byte) {
	for _, x := range body {
		sum ^= x
	}
	return sum
}

// parse takes a line apart whose checksum is right. Without one it is not
// believed.
func parse(line []byte) (s sentence, ok bool) {
	n := len(line)
	if n < len("$GPGGA*00") || line[0] != '$' || line[n-3] != '*' {
		return s, false
	}
	body := line[1 : n-3]
	sum := checksum(body)
	if line[n-2] != hexDigits[sum>>4] || line[n-1] != hexDigits[sum&15] || bytes.ContainsAny(body, "$*!") {
		return s, false
	}
	address, rest, _ := bytes.Cut(body, []byte{','})
	if len(address) != 5 {
		return s, true // a maker's own
	}
	i := slices.IndexFunc(talkers, func(t string) bool { return t == string(address[:2]) })
	k := slices.IndexFunc(kinds, func(k string) bool { return k == string(address[2:]) })
	if i < 0 || k < 0 {
		return s, true
	}
	s.talker, s.kind = talkers[i], kinds[k]
	for f := range s.fields {
		s.fields[f], rest, _ = bytes.Cut(rest, []byte{','})
	}
	return s, true
}

// matters says whether the sentence is one that is read.
func (s sentence) matters() bool { return s.kind != "" }

var errForm = errors.New("a field is not as the standard has it")

// A clock is a time of day in UTC.
type clock struct {
	known bool
	ms    int
}

// time returns the time of the fix, the first field of each kind: hhmmss.sss. A
// receiver that never had a fix leaves it out.
func (s sentence) time() (clock, error) {
	b := s.fields[0]
	if len(b) == 0 {
		return clock{}, errNoFix
	}
	v, err := number(b)
	if err != nil || len(b) < 6 || len(b) > 6 && b[6] != '.' {
		return clock{}, fmt.Errorf("%w: time %q", errForm, b)
	}
	whole := int(v)
	h, m, sec := whole/10000, whole/100%100, whole%100
	if v < 0 || h > 23 || m > 59 || sec > 60 {
		return clock{}, fmt.Errorf("%w: time %q", errForm, b)
	}
	return clock{true, ((h*60+m)*60+sec)*1000 + int((v-float64(whole))*1000+0.5)}, nil
}

// number reads a decimal number.
func number(b []byte) (float64, error) {
	for i, x := range b {
		if (x < '0' || x > '9') && x != '.' && (x != '-' || i > 0) {
			return 0, fmt.Errorf("%w: %q", errForm, b)
		}
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", errForm, b)
	}
	return v, nil
}

// degrees reads an angle as dddmm.mmmm, with so many digits for the degrees, and
// the letter of its side.
func degrees(b, side []byte, digits int, sides string) (float64, error) {
	if len(b) < digits+2 || len(b) > digits+2 && b[digits+2] != '.' || len(side) != 1 {
		return 0, fmt.Errorf("%w: angle %q %q", errForm, b, side)
	}
	d, err := strconv.ParseUint(string(b[:digits]), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%w: angle %q", errForm, b)
	}
	minutes, err := number(b[digits:])
	if err != nil {
		return 0, err
	}
	if minutes < 0 || minutes >= 60 {
		return 0, fmt.Errorf("%w: angle %q", errForm, b)
	}
	v := float64(d) + minutes/60
	if err := drivers.Within(v, 0, map[int]float64{2: 90, 3: 180}[digits]); err != nil {
		return 0, err
	}
	switch side[0] {
	case sides[0]:
		return v, nil
	case sides[1]:
		return -v, nil
	}
	return 0, fmt.Errorf("%w: side %q", errForm, side)
}
