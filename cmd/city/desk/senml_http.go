package desk

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
)

// maxBody is how much a request may bring.
const maxBody = 1 << 20

// serveSenML answers what is posted and put to the paths that are topics over
// MQTT: 204 when it is counted and kept, 400 when it is not understood.
func (b *Book) serveSenML(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	topic := strings.TrimPrefix(r.URL.Path, "/")
	if !strings.HasPrefix(topic, "lamppost/") {
		http.NotFound(w, r)
		return
	}
	err = b.takeSenML(topic, body)
	switch {
	case errors.Is(err, errMalformed):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// expand returns what a payload was before it was compressed, by its first bytes.
func expand(payload []byte) ([]byte, error) {
	var (
		r   io.Reader
		err error
	)
	switch {
	case bytes.HasPrefix(payload, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(bytes.NewReader(payload))
	case bytes.HasPrefix(payload, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err = zstd.NewReader(bytes.NewReader(payload), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(16<<20))
	default:
		return payload, nil
	}
	if err == nil {
		if z, ok := r.(*zstd.Decoder); ok {
			defer z.Close()
		}
		payload, err = io.ReadAll(io.LimitReader(r, 16<<20))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: compression: %w", errMalformed, err)
	}
	return payload, nil
}

// A cborRecord is one record of a pack in CBOR (RFC 8428, section 6).
type cborRecord struct {
	BaseName *string `cbor:"-2,keyasint"`
	BaseTime any     `cbor:"-3,keyasint"`
	Name     string  `cbor:"0,keyasint"`
	Unit     string  `cbor:"1,keyasint"`
	Value    any     `cbor:"2,keyasint"`
	Epoch    string  `cbor:"epoch"`
	Seq      uint64  `cbor:"seq"`
	Quality  string  `cbor:"q"`
	Span     any     `cbor:"span"`
	Boot     uint32  `cbor:"boot"`
	Mono     any     `cbor:"mono"`
}

// receiveCBOR counts the observations of a pack in CBOR, all or none.
func (b *Book) receiveCBOR(payload []byte) error {
	var pack []cborRecord
	if err := cbor.Unmarshal(payload, &pack); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	var (
		received []Keys
		newest   []Record
		thing    string
		epoch    string
		at       float64
		seq      uint64
	)
	for i, r := range pack {
		if r.BaseName != nil {
			var ok bool
			if thing, ok = strings.CutPrefix(strings.TrimSuffix(*r.BaseName, ":"), "urn:dev:ops:lamppost-"); !ok {
				return fmt.Errorf("%w: record %d: base name %q", errMalformed, i, *r.BaseName)
			}
		}
		if r.BaseTime != nil {
			at = cborNumber(r.BaseTime)
		}
		if seq++; r.Seq != 0 {
			seq = r.Seq
		}
		if i == 0 {
			epoch = r.Epoch
		}
		value := cborNumber(r.Value)
		if thing == "" || !isEpoch(epoch) || (i == 0 && r.Seq == 0) || r.Name == "" || math.IsNaN(value) || math.IsNaN(at) {
			return fmt.Errorf("%w: record %d of a CBOR pack", errMalformed, i)
		}
		if n := len(received); n > 0 && received[n-1].Thing == thing && received[n-1].To+1 == seq {
			received[n-1].To = seq
		} else {
			received = append(received, Keys{thing, epoch, seq, seq})
		}
		newest = append(newest, Record{
			Name: r.Name, Unit: r.Unit, Time: time.UnixMilli(int64(math.Round(at * 1000))).UTC(), Value: value,
			Quality: r.Quality, Epoch: epoch, Seq: seq,
		})
	}
	if err := b.Count(received); err != nil {
		return err
	}
	for _, r := range newest {
		b.Show(thing, r)
	}
	return nil
}

// cborNumber reads an integer, a float or a decimal fraction, or returns NaN.
func cborNumber(v any) float64 {
	switch v := v.(type) {
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	case cbor.Tag:
		parts, ok := v.Content.([]any)
		if !ok || v.Number != 4 || len(parts) != 2 {
			break
		}
		exponent, mantissa := cborNumber(parts[0]), cborNumber(parts[1])
		return mantissa / math.Pow(10, -exponent)
	}
	return math.NaN()
}
