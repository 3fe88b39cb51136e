package ngsild

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

const noticeType = "LamppostNotice"

// readNotice reads the Properties of a notice.
func readNotice(e object) (thing string, n desk.Notice, err error) {
	r := noticeReader{entity: e}
	thing = r.text("thing")
	n = desk.Notice{
		Epoch: r.text("epoch"), ID: r.number("noticeId"), Kind: r.text("kind"), Time: r.time("toldAt"),
		From: r.number("firstSeq"), To: r.number("lastSeq"), Ranges: r.ranges("seqRanges"), Count: r.number("observations"),
		Cause: r.text("cause"), Datastreams: r.list("datastreams"), Cities: r.list("cities"),
	}
	if n.Kind == "heartbeat" {
		n.Heartbeat = &desk.Heartbeat{
			Version: r.text("version"), AcceptedTo: r.number("acceptedTo"), Since: r.number("since"),
			Waiting: r.number("waiting"), Pending: r.number("pending"), Clock: r.text("clock"), LastStop: r.text("lastStop"),
		}
	}
	if r.err != nil {
		return "", n, r.err
	}
	if thing == "" {
		return "", n, errors.New("a notice of nobody")
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return "", n, err
	}
	n, err = desk.ReadNotice(raw) // it checks
	return thing, n, err
}

// A noticeReader reads Properties; one that is not there is empty.
type noticeReader struct {
	entity object
	err    error
}

func (r *noticeReader) text(name string) string { return text(inner(r.entity, name)) }

func (r *noticeReader) number(name string) uint64 {
	v := inner(r.entity, name)
	if v == nil {
		return 0
	}
	n, _ := v.(json.Number)
	u, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
	return u
}

func (r *noticeReader) time(name string) time.Time {
	v, _ := inner(r.entity, name).(object)
	return moment(v["@value"])
}

func (r *noticeReader) list(name string) []string {
	if s := r.text(name); s != "" {
		return strings.Split(s, "\n")
	}
	return nil
}

func (r *noticeReader) ranges(name string) (all []desk.Range) {
	s := r.text(name)
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, ",") {
		var one desk.Range
		if _, err := fmt.Sscanf(part, "%d-%d", &one.From, &one.To); err != nil {
			r.err = fmt.Errorf("%s: %q", name, part)
		}
		all = append(all, one)
	}
	return all
}
