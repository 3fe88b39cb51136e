package lis3dh

import (
	"encoding/binary"
	"math"
	"time"
)

// post is a lamp post that leans by 0.6° and shakes by 0.02 g, five times a second:
// what it feels along up, and across, in g.
func post(at time.Time) (along, across float64) {
	shake := 0.02 * math.Sin(2*math.Pi*5*float64(at.UnixNano()%int64(time.Second))/1e9)
	return math.Cos(0.6 * math.Pi / 180), math.Sin(0.6*math.Pi/180) + shake
}

// part is a simulated LIS3DH or ADXL345.
type part struct {
	chip
	up      [3]float64
	feels   func(at time.Time) (along, across float64)
	r       [128]byte
	pointer byte
	stays   bool      // the pointer: a LIS3DH that was not told to count up
	woke    time.Time // it measures, at first not what is so
	since   time.Time // the queue fills
	taken   int       // of the queue
}

// newPart returns a part that was switched on now.
func newPart(c chip, up [3]float64, feels func(at time.Time) (along, across float64)) *part {
	p := &part{chip: c, up: up, feels: feels}
	p.Reset()
	return p
}

// Reset implements sim.Part.
func (p *part) Reset() {
	p.r, p.pointer, p.woke, p.since, p.taken = [128]byte{}, 0, time.Time{}, time.Time{}, 0
	p.r[p.idRegister] = p.id
	if p.id == chipLIS3DH.id {
		p.r[0x20] = 0x07
	} else {
		p.r[0x2c] = 0x0a
	}
}

// Write implements sim.Part.
func (p *part) Write(w []byte) error {
	p.pointer, p.stays = w[0]&0x7f, p.id == chipLIS3DH.id && w[0]&0x80 == 0
	for _, v := range w[1:] {
		switch was := p.r[p.pointer]; {
		case p.pointer == p.queueControl && was != v: // one that is full takes no more until it was off
			p.since, p.taken = time.Now(), 0
		case p.pointer == p.awake() && was != v:
			p.woke = time.Now()
		}
		p.r[p.pointer] = v
		p.next()
	}
	return nil
}

func (p *part) next() {
	if !p.stays {
		p.pointer = (p.pointer + 1) & 0x7f
	}
}

// awake is the register that starts the part.
func (p *part) awake() byte {
	if p.id == chipLIS3DH.id {
		return 0x20
	}
	return 0x2d
}

// measures says whether the part was told to, and to use its queue.
func (p *part) measures() bool {
	if p.id == chipLIS3DH.id {
		return p.r[0x20]>>4 != 0 && p.r[0x24]&0x40 != 0
	}
	return p.r[0x2d]&0x08 != 0
}

// queued is how many samples are in the queue.
func (p *part) queued() int {
	if !p.measures() || p.r[p.queueControl] != queueOnce {
		return 0
	}
	return max(min(samples, int(time.Since(p.since)/period))-p.taken, 0)
}

// Read implements sim.Part. A read of data takes one sample out of the queue.
func (p *part) Read(r []byte) error {
	n := p.queued()
	p.r[p.queueStatus] = byte(n)
	if p.id == chipLIS3DH.id {
		p.r[p.queueStatus] = byte(max(n-1, 0))
		if n == samples {
			p.r[p.queueStatus] |= 0x40
		}
	}
	if p.pointer == p.data&0x7f && n > 0 {
		p.taken++
		p.sample(p.since.Add(time.Duration(p.taken) * period))
	}
	for i := range r {
		r[i] = p.r[p.pointer]
		p.next()
	}
	return nil
}

// sample puts one into the data registers.
func (p *part) sample(at time.Time) {
	along, across := p.feels(at)
	if at.Before(p.woke.Add(settleTime)) {
		along /= 2
	}
	side := [3]float64{p.up[1], p.up[2], p.up[0]} // some direction across
	for axis := range 3 {
		code := math.Round((along*p.up[axis] + across*side[axis]) * p.perG)
		code = min(max(code, float64(p.lowest)), float64(p.highest))
		binary.LittleEndian.PutUint16(p.r[int(p.data&0x7f)+2*axis:], uint16(int16(code)<<p.shift))
	}
}
