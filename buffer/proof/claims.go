package proof

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Claims are what writers and verifiers of one directory said while they ran.
type Claims struct {
	Recorded  Keys
	Accepted  Keys
	Delivered map[string]Keys // by city: said before the buffer was told
	Refused   map[string]Keys // likewise
	Reused    []string        // Seqs that were recorded and not above all before

	highest map[string]uint64
}

// NewClaims returns claims of nothing.
func NewClaims() *Claims {
	return &Claims{
		Recorded: Keys{}, Accepted: Keys{},
		Delivered: map[string]Keys{}, Refused: map[string]Keys{}, highest: map[string]uint64{},
	}
}

// Clone returns a copy.
func (c *Claims) Clone() *Claims {
	o := &Claims{
		Recorded: c.Recorded.clone(), Accepted: c.Accepted.clone(), Reused: slices.Clone(c.Reused),
		Delivered: map[string]Keys{}, Refused: map[string]Keys{}, highest: maps.Clone(c.highest),
	}
	for city, k := range c.Delivered {
		o.Delivered[city] = k.clone()
	}
	for city, k := range c.Refused {
		o.Refused[city] = k.clone()
	}
	return o
}

// Line takes one line: "recorded E A-B", "accepted E A-B", "delivered CITY E A-B"
// or "refused CITY E A-B". Any other counts for nothing, as a torn one does that
// was the last before a kill; it is not told apart from nonsense.
func (c *Claims) Line(text string) {
	f := strings.Fields(text)
	if len(f) < 3 {
		return
	}
	from, to, ok := parseRange(f[len(f)-1])
	epoch := f[len(f)-2]
	if !ok || len(epoch) != 16 {
		return
	}
	switch {
	case f[0] == "recorded" && len(f) == 3:
		if from <= c.highest[epoch] {
			c.Reused = append(c.Reused, fmt.Sprintf("%s %d after %d", epoch, from, c.highest[epoch]))
		}
		c.highest[epoch] = max(c.highest[epoch], to)
		c.Recorded.Add(epoch, from, to)
	case f[0] == "accepted" && len(f) == 3:
		c.Accepted.Add(epoch, from, to)
	case f[0] == "delivered" && len(f) == 4:
		of(c.Delivered, f[1]).Add(epoch, from, to)
	case f[0] == "refused" && len(f) == 4:
		of(c.Refused, f[1]).Add(epoch, from, to)
	}
}

// of returns the keys of a city, made if there are none yet.
func of(m map[string]Keys, city string) Keys {
	if m[city] == nil {
		m[city] = Keys{}
	}
	return m[city]
}

func parseRange(text string) (from, to uint64, ok bool) {
	a, b, _ := strings.Cut(text, "-")
	from, err := strconv.ParseUint(a, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	to, err = strconv.ParseUint(b, 10, 64)
	return from, to, err == nil && from <= to && from > 0
}
