package sparkplug

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// rebirthPayload is a command as Eclipse Tahu writes it: a timestamp, and a
// metric with name, timestamp, datatype and value.
var rebirthPayload = append([]byte{0x08, 0xe8, 0x07, 0x12, 0x1d, 0x0a, 0x14}, "Node Control/Rebirth\x18\xe8\x07\x20\x0b\x70\x01"...)

func TestCommands(t *testing.T) {
	metric := func(fields string) string { return "\x12" + string(rune(len(fields))) + fields }
	name := "\x0a\x14Node Control/Rebirth"
	for title, tt := range map[string]struct {
		payload string
		wants   bool
		broken  bool
	}{
		"a rebirth":                     {payload: string(rebirthPayload), wants: true},
		"value before name":             {payload: metric("\x70\x01" + name), wants: true},
		"after another command":         {payload: metric("\x0a\x01x\x70\x01") + metric(name+"\x70\x01"), wants: true},
		"false":                         {payload: metric(name + "\x70\x00")},
		"no value":                      {payload: metric(name)},
		"another command":               {payload: metric("\x0a\x13Node Control/Reboot\x70\x01")},
		"values of two metrics":         {payload: metric(name) + metric("\x0a\x01x\x70\x01")},
		"nothing":                       {},
		"fields that nobody knows":      {payload: "\xf8\x07\x01\xf5\x07abcd\xf1\x07abcdefgh" + metric(name+"\x70\x01"), wants: true},
		"cut":                           {payload: string(rebirthPayload[:20]), broken: true},
		"a length beyond the end":       {payload: "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", broken: true},
		"a length that does not end":    {payload: "\x12\xff", broken: true},
		"a number that does not end":    {payload: "\x08" + strings.Repeat("\xff", 11), broken: true},
		"a group":                       {payload: "\x0b", broken: true},
		"a metric that is no message":   {payload: metric("\x0a"), broken: true},
		"a tag that does not end":       {payload: "\xff", broken: true},
		"a number cut in its eighth":    {payload: "\x09abc", broken: true},
		"JSON":                          {payload: `{"metrics":[]}`, broken: true},
		"Node Control/Rebirth as text?": {payload: "Node Control/Rebirth", broken: true},
	} {
		t.Run(title, func(t *testing.T) {
			wants, err := wantsRebirth([]byte(tt.payload))
			assert.Equal(t, tt.broken, err != nil)
			assert.Equal(t, tt.wants, wants)
		})
	}
}

func FuzzCommand(f *testing.F) {
	f.Add(rebirthPayload)
	f.Add([]byte{0x12, 2, 0x70, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		wants, err := wantsRebirth(payload)
		if wants {
			require.NoError(t, err)
			require.Contains(t, string(payload), rebirthName, "made up")
		}
	})
}

func TestMessagesWithinMessages(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 300_000} {
		text := strings.Repeat("x", n)
		dst, start := begin([]byte("before"), metricProperties)
		dst = append(dst, text...)
		dst = end(dst, start)
		f, rest, err := nextField(bytes.TrimPrefix(dst, []byte("before")))
		require.NoError(t, err)
		assert.Empty(t, rest)
		assert.Equal(t, text, string(f.bytes))
	}
}

func FuzzState(f *testing.F) {
	f.Add(`{"online":true,"timestamp":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		h := newHost("scada")
		if h.tell([]byte(text)) != nil {
			online, heard, _ := h.look()
			require.False(t, online)
			require.Zero(t, heard)
		}
	})
}

// BenchmarkEncode writes batches of 1000 observations of 50 sensors.
func BenchmarkEncode(b *testing.B) {
	c, _ := openCity(b)
	var obs []*agent.Observation
	ds := streams(50)
	for i := range 1000 {
		obs = append(obs, &agent.Observation{Seq: uint64(i + 1), Datastream: ds[i%50], Time: when.Add(time.Duration(i/50) * time.Second), Value: 21.53})
	}
	k := keys{thing: "lamp-042", epoch: agent.Epoch(1).String()}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = 0
		for data := c.arrange(obs, false); len(data) > 0; {
			n := c.appendMessage(data, &k, false)
			data, size = data[n:], size+len(c.buf)
		}
	}
	b.ReportMetric(float64(size)/1000, "B/obs")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/obs")
}
