package sparkplug

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tahu returns a DDATA message as Eclipse Tahu writes it, and more values of
// properties, which have no keys.
func tahu(more ...byte) []byte {
	set := append([]byte{
		0x0a, 0x07, 'Q', 'u', 'a', 'l', 'i', 't', 'y',
		0x12, 0x05, 0x08, 0x03, 0x18, 0xc0, 0x01, // Int32 192
	}, more...)
	m := append([]byte{0x10, 0x05, 0x18, 0xe7, 0x07, 0x28, 0x01, 0x4a, byte(len(set))}, set...) // alias 5, timestamp 999, historical
	m = append(m, 0x69, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)                                           // double 1
	return append(append([]byte{0x08, 0xe8, 0x07, 0x12, byte(len(m))}, m...), 0x18, 0x07)       // timestamp 1000, seq 7
}

func TestReadPayload(t *testing.T) {
	good := tahu()
	p, err := readPayload(good)
	require.NoError(t, err)
	assert.EqualValues(t, 1000, p.timestamp)
	assert.Equal(t, 7, p.seq)
	require.Len(t, p.metrics, 1)
	m := p.metrics[0]
	assert.True(t, m.aliased && m.historical)
	assert.EqualValues(t, 5, m.alias)
	assert.EqualValues(t, 999, m.timestamp)
	assert.Equal(t, 1.0, m.value)
	assert.Equal(t, map[string]property{"Quality": {datatype: 3, value: uint64(192)}}, m.properties)

	for n := 1; n < len(good); n++ {
		_, err := readPayload(good[:n])
		if n != 3 && n != len(good)-2 { // between two fields
			assert.Errorf(t, err, "cut at %d", n)
		}
	}
}

func TestKeysAndValuesOfProperties(t *testing.T) {
	_, err := readPayload(tahu(0x12, 0x00))
	assert.ErrorContains(t, err, "1 keys and 2 values")
}

func TestNumbers(t *testing.T) {
	_, err := readPayload([]byte{0x18, 0x80, 0x02})
	assert.ErrorContains(t, err, "seq 256")
}

func FuzzReadPayload(f *testing.F) {
	f.Add(tahu())
	f.Add(rebirthCommand(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := readPayload(b); err == nil {
			require.LessOrEqual(t, len(p.metrics), len(b))
		}
	})
}
