package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/sync/senml"
)

const head = `[{"bn":"urn:dev:ops:lamppost-a:","epoch":"00000000000000aa",`

func scan(pack string) (got []string, err error) {
	s := scanner{b: []byte(pack)}
	err = s.records(func(e entry) {
		got = append(got, fmt.Sprintf("%s %s %s %d", e.thing, s.epoch, e.name, e.seq))
	})
	return got, err
}

func TestScan(t *testing.T) {
	for name, tt := range map[string]struct {
		pack string
		want []string
	}{
		"empty":  {" [ ] ", nil},
		"one":    {head + `"n":"s/p","v":1,"seq":7}]`, []string{"a 00000000000000aa s/p 7"}},
		"spaces": {"[ {\t\"seq\" : 7 ,\n\"n\":\"s/p\" , \"epoch\":\"00000000000000aa\",\"bn\":\"urn:dev:ops:lamppost-a:\" , \"v\" : -1.5e+3 } ]\n", []string{"a 00000000000000aa s/p 7"}},
		"two things": {
			head + `"n":"s/p","v":1,"seq":7},{"bn":"urn:dev:ops:lamppost-b:","n":"s/p","v":1,"seq":8},{"n":"s/p","v":1,"seq":9}]`,
			[]string{"a 00000000000000aa s/p 7", "b 00000000000000aa s/p 8", "b 00000000000000aa s/p 9"},
		},
		"unknown fields": {head + `"x":{"y":[1,"}]"]},"z":null,"w":true,"n":"s/p","seq":7}]`, []string{"a 00000000000000aa s/p 7"}},
		"escapes":        {head + `"n":"s\"\\\u00e9","seq":7}]`, []string{`a 00000000000000aa s\"\\\u00e9 7`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := scan(tt.pack)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestScanRefuses(t *testing.T) {
	for name, pack := range map[string]string{
		"nothing":        ``,
		"object":         `{}`,
		"no seq":         head + `"n":"s/p","v":1}]`,
		"no name":        head + `"v":1,"seq":7}]`,
		"no epoch":       `[{"bn":"urn:dev:ops:lamppost-a:","n":"s/p","seq":7}]`,
		"no base name":   `[{"epoch":"00000000000000aa","n":"s/p","seq":7}]`,
		"other base":     `[{"bn":"urn:dev:mac:1:","epoch":"00000000000000aa","n":"s/p","seq":7}]`,
		"short epoch":    `[{"bn":"urn:dev:ops:lamppost-a:","epoch":"aa","n":"s/p","seq":7}]`,
		"second epoch":   head + `"n":"s/p","seq":7},{"epoch":"00000000000000ab","n":"s/p","seq":8}]`,
		"seq 0":          head + `"n":"s/p","seq":0}]`,
		"seq a fraction": head + `"n":"s/p","seq":1.5}]`,
		"seq too large":  head + `"n":"s/p","seq":9007199254740993}]`,
		"seq a text":     head + `"n":"s/p","seq":"1"}]`,
		"NaN":            head + `"n":"s/p","v":NaN,"seq":1}]`,
		"number":         head + `"n":"s/p","v":01,"seq":1}]`,
		"cut":            head + `"n":"s/p","seq":1}`,
		"cut in text":    head + `"n":"s/`,
		"cut in escape":  head + `"n":"s\`,
		"bad escape":     head + `"n":"s\x","seq":1}]`,
		"control":        head + "\"n\":\"s\n\",\"seq\":1}]",
		"trailing":       head + `"n":"s/p","seq":1}] x`,
		"comma":          head + `"n":"s/p","seq":1,}]`,
		"comma in array": head + `"n":"s/p","seq":1},]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scan(pack)
			assert.ErrorIs(t, err, errPack)
		})
	}
}

// What the scanner takes is JSON, and another reader finds the same keys in it.
func FuzzScan(f *testing.F) {
	f.Add([]byte(head + `"n":"s/p","u":"Cel","t":1795255200.5,"v":21.53,"seq":7,"q":"suspect"},{"n":"a\u0041","v":-0.1e-7,"seq":9,"x":[{}]}]`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, pack []byte) {
		var got []entry
		s := scanner{b: pack}
		if err := s.records(func(e entry) { got = append(got, e) }); err != nil {
			return
		}
		require.True(t, json.Valid(pack), "%q", pack)
		for _, e := range got {
			require.True(t, json.Valid(e.raw))
		}
		records, err := senml.Decode(pack)
		if err != nil {
			return // the scanner does not look at values
		}
		for i, r := range records {
			if strings.Count(string(got[i].raw), `"`) > 40 || !plain(string(got[i].raw)) {
				return // a label twice, or in capitals, is read in many ways
			}
			assert.Equal(t, r.Seq, got[i].seq)
		}
	})
}

func plain(raw string) bool {
	for _, label := range []string{`"seq"`, `"n"`} {
		if strings.Count(strings.ToLower(raw), label) != 1 || !strings.Contains(raw, label) || strings.Contains(raw, `\`) || strings.ContainsAny(raw, "[ſ") {
			return false
		}
	}
	return true
}

func BenchmarkReceivePack(b *testing.B) {
	var pack strings.Builder
	const n = 800
	c := &Book{tally: newTally(), store: &store{}}
	b.ReportAllocs()
	seq := 1
	for b.Loop() {
		b.StopTimer()
		pack.Reset()
		pack.WriteString(head)
		for i := range n {
			if i > 0 {
				pack.WriteString(",{")
			}
			fmt.Fprintf(&pack, `"n":"roof-air-%d/airTemperature","u":"Cel","t":%d.25,"v":%.2f,"seq":%d}`, i%8, time.Now().Unix(), 20+float64(i)/100, seq)
			seq++
		}
		pack.WriteString("]")
		b.StartTimer()
		if err := c.receivePack([]byte(pack.String())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/obs")
}
