package sensorthings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// layout is ISO 8601 in UTC with milliseconds.
const layout = "2006-01-02T15:04:05.000Z"

// A group is the rows of one Datastream.
type group struct {
	ds  *agent.Datastream
	id  id
	obs []agent.Observation
}

// byDatastream groups observations, in the order in which datastreams appear.
func byDatastream(obs []agent.Observation) (groups []group) {
	at := make(map[*agent.Datastream]int)
	for _, o := range obs {
		i, ok := at[o.Datastream]
		if !ok {
			i = len(groups)
			at[o.Datastream] = i
			groups = append(groups, group{ds: o.Datastream})
		}
		groups[i].obs = append(groups[i].obs, o)
	}
	return groups
}

func count(groups []group) (n int) {
	for _, g := range groups {
		n += len(g.obs)
	}
	return n
}

// unsayable returns why an observation can never be sent, or "".
func unsayable(o *agent.Observation) string {
	if why := uplink.Unsayable(o); why != "" {
		return why
	}
	if o.Time.Year() < 1 || o.Time.Year() > 9999 {
		return "the time has no text of four digits for the year"
	}
	return ""
}

// components are the columns of a data array.
const components = `"components":["phenomenonTime","resultTime","result","parameters"]`

// appendRows appends groups as a data array (OGC 18-088, 13).
func appendRows(dst []byte, d dialect, epoch agent.Epoch, groups []group) []byte {
	hex := epoch.String()
	for i, g := range groups {
		dst = appendHead(append(dst, "[,"[min(i, 1)]), d, g.id, len(g.obs))
		for j := range g.obs {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendRow(dst, hex, &g.obs[j])
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

func appendHead(dst []byte, d dialect, stream id, rows int) []byte {
	dst = append(append(append(dst, `{"Datastream":{"`...), d.id...), `":`...)
	dst = append(append(append(dst, stream...), `},`...), components...)
	dst = append(append(append(dst, `,"`...), d.count...), `":`...)
	return append(strconv.AppendInt(dst, int64(rows), 10), `,"dataArray":[`...)
}

func appendRow(dst []byte, epoch string, o *agent.Observation) []byte {
	begin, end := o.Time.UTC(), o.Time.Add(o.Span).UTC()
	dst = append(dst, `["`...)
	dst = begin.AppendFormat(dst, layout)
	if o.Span > 0 {
		dst = end.AppendFormat(append(dst, '/'), layout)
	}
	dst = end.AppendFormat(append(dst, `","`...), layout)
	dst = append(dst, `",`...)
	dst = appendResult(dst, o)
	dst = strconv.AppendUint(append(dst, `,{"seq":`...), o.Seq, 10)
	dst = append(append(append(dst, `,"epoch":"`...), epoch...), '"')
	if o.Quality != 0 {
		dst = append(append(append(dst, `,"quality":"`...), o.Quality.String()...), '"')
	}
	if o.Span != 0 {
		dst = appendNumber(append(dst, `,"span":`...), o.Span.Seconds())
	}
	if o.Boot != 0 {
		dst = strconv.AppendUint(append(dst, `,"boot":`...), uint64(o.Boot), 10)
		dst = appendNumber(append(dst, `,"mono":`...), o.Mono.Seconds())
	}
	return append(dst, "}]"...)
}

// appendResult appends a value as the observationType of its Datastream wants it.
func appendResult(dst []byte, o *agent.Observation) []byte {
	if o.Datastream.Property.Kind == agent.Truth && (o.Value == 0 || o.Value == 1) {
		return strconv.AppendBool(dst, o.Value == 1)
	}
	return appendNumber(dst, o.Value)
}

// appendNumber appends a finite number that reads back as the same float64.
func appendNumber(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// noticeRows is a data array of notices.
func noticeRows(d dialect, stream id, notices []agent.Notice) ([]byte, error) {
	dst := appendHead([]byte{'['}, d, stream, len(notices))
	for i := range notices {
		n := &notices[i]
		text, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		at := n.Time.UTC().Format(layout)
		dst = append(append(append(dst, `["`+at+`","`+at+`",`...), text...), `,{"epoch":"`+n.Epoch.String()+`","notice":`...)
		dst = append(strconv.AppendUint(dst, n.ID, 10), "}]"...)
	}
	return append(dst, "]}]"...), nil
}

// rowsOf reads the answer to n rows: why each was refused, or "" of one that is
// stored. A row is stored if its answer is a link, or empty. What is not as many
// answers as rows says nothing of any.
func rowsOf(body []byte, n int) ([]string, error) {
	var said []*string
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&said); err != nil {
		return nil, fmt.Errorf("observations: an answer that is no list of rows: %w", err)
	}
	if len(said) != n {
		return nil, fmt.Errorf("observations: %d answers to %d rows", len(said), n)
	}
	reasons := make([]string, n)
	for i, s := range said {
		switch {
		case s == nil:
			return nil, fmt.Errorf("observations: no answer to row %d", i+1)
		case !strings.HasPrefix(*s, "http://") && !strings.HasPrefix(*s, "https://"):
			reasons[i] = strings.ToValidUTF8((*s)[:min(len(*s), longestReason)], "")
		}
	}
	return reasons, nil
}

// longestReason is how much of a server's words is kept.
const longestReason = 300

// placeless tells whether a row was refused because the Thing has no Location.
func placeless(why string) bool { return strings.Contains(why, "FeatureOfInterest") }

// A stored observation is what is read back.
type stored struct {
	PhenomenonTime string
	Result         json.RawMessage
	Parameters     *parameters
}

// parameters are the key that an Observation was sent with.
type parameters struct {
	Seq   uint64 `json:"seq"`
	Epoch string `json:"epoch"`
}

// begins returns the millisecond in which a time or an interval begins.
func begins(text string) (int64, error) {
	begin, _, _ := strings.Cut(text, "/")
	at, err := time.Parse(time.RFC3339Nano, begin)
	return at.UnixMilli(), err
}

// is tells whether that is an observation of the same millisecond. Servers that
// keep no parameters have its time, which it shares with no other of its
// Datastream, and its result.
func (s *stored) is(epoch agent.Epoch, o *agent.Observation) bool {
	if s.Parameters == nil || s.Parameters.Seq == 0 {
		return sameResult(s.Result, o)
	}
	return s.Parameters.Seq == o.Seq && s.Parameters.Epoch == epoch.String()
}

func sameResult(raw json.RawMessage, o *agent.Observation) bool {
	var (
		number float64
		truth  bool
	)
	if string(raw) == "null" {
		return false
	}
	if json.Unmarshal(raw, &truth) == nil {
		return truth == (o.Value == 1)
	}
	return json.Unmarshal(raw, &number) == nil && number == o.Value
}
