package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent/clock"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// view shows a demo while it runs: a line a second.
type view struct {
	out      io.Writer
	asJSON   bool
	terminal bool
	gateway  *gateway
	city     *desk.City
	start    time.Time
	most     uint64 // that waited, so far
}

// progress is one line.
type progress struct {
	Seconds   int    `json:"seconds"`
	Connected bool   `json:"connected"`
	Accepted  uint64 `json:"accepted"`
	Waiting   uint64 `json:"waiting"`
	Received  uint64 `json:"received"`
	Clock     string `json:"clock"`
	Latest    string `json:"latest"`
}

func (v *view) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.line()
		}
	}
}

func (v *view) line() {
	s := v.gateway.status()
	got := v.city.Received(s.Thing)
	p := progress{
		Seconds: int(time.Since(v.start).Seconds()), Connected: s.Cities[0].Connected, Accepted: s.Accepted + s.Pending,
		Waiting: s.Cities[0].Waiting + s.Pending, Received: got.Distinct, Clock: s.Clock,
	}
	if r, ok := got.Latest["roof-air/airTemperature"]; ok {
		p.Latest = fmt.Sprintf("roof-air %.2f °C", r.Value)
	}
	if v.asJSON {
		_ = json.NewEncoder(v.out).Encode(p) // the receipt is what counts
		return
	}
	link := "connected"
	if !p.Connected {
		link = "away"
	}
	if p.Seconds == 1 {
		fmt.Fprintf(v.out, "a gateway with %d simulated sensors, a city on %s; the clock is %s\n", len(s.Sensors), v.city.URL(), clock.Words(p.Clock))
	}
	fmt.Fprintf(v.out, "%3d s  city %-9s  observed %5d  at the city %5d  waiting %4d %s  %s\n",
		p.Seconds, link, p.Accepted, p.Received, p.Waiting, v.bar(p.Waiting), p.Latest)
}

// barWidth is the length of the bar for the largest backlog so far.
const barWidth = 20

// bar draws the backlog, on terminals.
func (v *view) bar(waiting uint64) string {
	v.most = max(v.most, waiting)
	if !v.terminal {
		return ""
	}
	n := 0
	if v.most >= barWidth {
		n = int(waiting * barWidth / v.most)
	}
	return strings.Repeat("█", n) + strings.Repeat("·", barWidth-n)
}

// isTerminal tells whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
