package senml

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A Record is one resolved record of a pack (RFC 8428, 4.6), with what
// Lamppost adds.
type Record struct {
	Name   string    // base name and name
	Unit   string    // of the registry; "" for none
	Time   time.Time // to the millisecond
	Value  *float64  // at most one of these four is set
	Text   *string
	Truth  *bool
	Data   *string // base64
	Sum    *float64
	Update float64 // seconds

	Epoch   string // 16 hexadecimal digits, those of the pack's first record
	Seq     uint64
	Quality string // "" for good
	Span    time.Duration
	Boot    uint32
	Mono    time.Duration
}

// A wireRecord is one element of the JSON array.
type wireRecord struct {
	BaseName    *string  `json:"bn"`
	BaseTime    *float64 `json:"bt"`
	BaseUnit    *string  `json:"bu"`
	BaseValue   *float64 `json:"bv"`
	BaseSum     *float64 `json:"bs"`
	BaseVersion *int     `json:"bver"`

	Name   string   `json:"n"`
	Unit   *string  `json:"u"`
	Time   float64  `json:"t"`
	Value  *float64 `json:"v"`
	Text   *string  `json:"vs"`
	Truth  *bool    `json:"vb"`
	Data   *string  `json:"vd"`
	Sum    *float64 `json:"s"`
	Update float64  `json:"ut"`

	Epoch   *string `json:"epoch"`
	Seq     uint64  `json:"seq"`
	Quality string  `json:"q"`
	Span    float64 `json:"span"`
	Boot    uint32  `json:"boot"`
	Mono    float64 `json:"mono"`
}

// version is the newest of SenML (RFC 8428, 4.4).
const version = 10

// Decode reads a pack and returns its records with all base fields resolved.
// Fields it does not know are passed over, except those whose name says that
// they must be understood. Times below 2^28, which are relative to the moment
// of reading for RFC 8428, are returned as if they were absolute: a Lamppost
// without a clock sends such, and marks them clock-unset.
func Decode(pack []byte) ([]Record, error) {
	if err := checkLabels(pack); err != nil {
		return nil, err
	}
	var wire []wireRecord
	if err := json.Unmarshal(pack, &wire); err != nil {
		return nil, fmt.Errorf("senml: %w", err)
	}
	var (
		records []Record
		b       base
	)
	for i := range wire {
		r, ok, err := b.resolve(&wire[i])
		if err != nil {
			return nil, fmt.Errorf("senml: record %d: %w", i, err)
		}
		if ok {
			records = append(records, r)
		}
	}
	return records, nil
}

// checkLabels refuses fields that end in "_": who does not know them must not
// read the pack (RFC 8428, 4.4).
func checkLabels(pack []byte) error {
	var fields []map[string]json.RawMessage
	if err := json.Unmarshal(pack, &fields); err != nil {
		return fmt.Errorf("senml: %w", err)
	}
	for i, f := range fields {
		for label := range f {
			if strings.HasSuffix(label, "_") {
				return fmt.Errorf("senml: record %d: field %q must be understood and is not", i, label)
			}
		}
	}
	return nil
}

// base is what is in force from the base fields read so far.
type base struct {
	name, unit, epoch string
	time, value, sum  float64
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// resolve returns a record that stands for itself, or false when the element
// has base fields only.
func (b *base) resolve(w *wireRecord) (Record, bool, error) {
	if w.BaseVersion != nil && (*w.BaseVersion < 1 || *w.BaseVersion > version) {
		return Record{}, false, fmt.Errorf("version %d: this reads up to %d", *w.BaseVersion, version)
	}
	set(&b.name, w.BaseName)
	set(&b.unit, w.BaseUnit)
	set(&b.epoch, w.Epoch)
	set(&b.time, w.BaseTime)
	set(&b.value, w.BaseValue)
	set(&b.sum, w.BaseSum)
	values := count(w.Value != nil, w.Text != nil, w.Truth != nil, w.Data != nil)
	if values == 0 && w.Sum == nil {
		if w.Name == "" {
			return Record{}, false, nil
		}
		return Record{}, false, errors.New("no value")
	}
	if values > 1 {
		return Record{}, false, errors.New("more than one value")
	}
	r := Record{
		Name: b.name + w.Name, Unit: b.unit, Text: w.Text, Truth: w.Truth, Data: w.Data, Update: w.Update,
		Time: time.UnixMilli(int64(math.Round((b.time + w.Time) * 1000))).UTC(), Value: plus(w.Value, b.value), Sum: plus(w.Sum, b.sum),
		Epoch: b.epoch, Seq: w.Seq, Quality: w.Quality, Span: seconds(w.Span), Boot: w.Boot, Mono: seconds(w.Mono),
	}
	set(&r.Unit, w.Unit)
	if r.Name == "" {
		return Record{}, false, errors.New("no name")
	}
	return r, true, nil
}

func count(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func plus(v *float64, base float64) *float64 {
	if v == nil {
		return nil
	}
	sum := *v + base
	return &sum
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }
