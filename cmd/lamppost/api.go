package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
)

// status is what lamppost status prints.
type status struct {
	Running     bool                 `json:"running"`
	Thing       string               `json:"thing"`
	Accepted    uint64               `json:"accepted"`
	Pending     uint64               `json:"pending"`
	Epoch       string               `json:"epoch"`
	AcceptedTo  uint64               `json:"accepted_to"`
	LossWindow  string               `json:"loss_window"`
	CommitEvery string               `json:"commit_every"`        // in force
	Stretched   string               `json:"stretched,omitempty"` // why that is longer than configured
	Failing     string               `json:"failing,omitempty"`   // why the disk takes nothing
	LastStop    string               `json:"last_stop"`
	Wear        *buffer.Wear         `json:"wear,omitempty"` // of the card
	Clock       string               `json:"clock,omitempty"`
	Uptime      int64                `json:"uptime"` // seconds
	Cities      []cityStatus         `json:"cities"`
	Sensors     []agent.SensorStatus `json:"sensors"`
}

// cityStatus holds to accepted = delivered + waiting + ledgered, where accepted
// is what the city is owed: all, for a city that was there from the start.
type cityStatus struct {
	Name      string    `json:"name"`
	Connected bool      `json:"connected"`
	Ack       string    `json:"ack,omitempty"`
	Since     time.Time `json:"since,omitzero"` // of the connection, or of its loss
	Err       string    `json:"err,omitempty"`
	Parked    bool      `json:"parked,omitempty"`
	From      uint64    `json:"from"` // the first Seq it is owed
	Accepted  uint64    `json:"accepted"`
	Delivered uint64    `json:"delivered"`
	Waiting   uint64    `json:"waiting"`
	Ledgered  uint64    `json:"ledgered"`
	Oldest    time.Time `json:"oldest,omitzero"` // of what waits
}

// bookStatus is the part of a status that the buffer knows.
func bookStatus(s buffer.Stats) status {
	out := status{
		Accepted: s.Accepted, Pending: s.Pending, Epoch: s.Epoch, AcceptedTo: s.AcceptedTo,
		LossWindow: s.LossWindow, Failing: s.Failing, LastStop: s.LastStop,
		CommitEvery: s.CommitEvery, Stretched: s.Stretched, Wear: s.Wear,
	}
	for _, c := range s.Cities {
		out.Cities = append(out.Cities, cityStatus{
			Name: c.Name, Parked: c.Parked, From: c.Since, Accepted: c.Accepted,
			Delivered: c.Delivered, Waiting: c.Waiting, Ledgered: c.Ledgered, Oldest: c.Oldest,
		})
	}
	return out
}

// status is the gateway's status, of one moment.
func (g *gateway) status() status {
	s := bookStatus(g.buffer.Stats())
	s.Running, s.Thing, s.Clock = true, g.cfg.Thing.ID, g.clock.State().String()
	s.Uptime = int64(time.Since(g.started).Seconds())
	s.Sensors = g.agent.Status()
	for i, c := range g.cfg.Cities {
		link := g.uplinks[i].Status()
		for j := range s.Cities {
			if x := &s.Cities[j]; x.Name == c.Name {
				x.Ack, x.Connected, x.Since, x.Err = c.Ack.String(), link.Connected, link.Since.UTC(), link.Err
			}
		}
	}
	return s
}

// handler is the local API.
func (g *gateway) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.status()) })
	mux.HandleFunc("GET /read", g.serveRead)
	mux.HandleFunc("POST /scan", g.serveScan) // it is felt on the bus: not for everybody
	mux.HandleFunc("GET /buffer/stat", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.buffer.Stats()) })
	mux.HandleFunc("GET /buffer/ledger", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.buffer.Ledger()) })
	mux.HandleFunc("GET /buffer/verify", func(w http.ResponseWriter, _ *http.Request) {
		r, err := g.buffer.Verify()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer(w, r)
	})
	mux.HandleFunc("GET /buffer/export", func(w http.ResponseWriter, r *http.Request) {
		_ = export(w, g.buffer, r.URL.Query().Has("refused")) // who asked is gone
	})
	mux.HandleFunc("POST /buffer/forget", func(w http.ResponseWriter, r *http.Request) {
		n, err := g.buffer.Forget(r.URL.Query().Get("city"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, forgotten{n})
	})
	return mux
}

// serveRead observes sensors now.
func (g *gateway) serveRead(w http.ResponseWriter, r *http.Request) {
	names, err := pick(g.cfg, r.URL.Query()["sensor"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	answer(w, readAll(names, func(name string) ([]agent.Observation, error) { return g.agent.Observe(r.Context(), name) }))
}

// readAll reads sensors at once: some take seconds. What they say is in the order
// of their names.
func readAll(names []string, read func(name string) ([]agent.Observation, error)) (out readings) {
	type said struct {
		obs []agent.Observation
		err error
	}
	all := make([]said, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { all[i].obs, all[i].err = read(name) })
	}
	wg.Wait()
	for i, name := range names {
		out.add(name, all[i].obs, all[i].err)
	}
	return out
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked is gone
}

// readings are what sensors said when asked.
type readings struct {
	Readings []reading `json:"readings"`
	Notes    []string  `json:"notes,omitempty"`
	Errors   []string  `json:"errors"`
}

type reading struct {
	Sensor   string    `json:"sensor"`
	Property string    `json:"property"`
	Value    float64   `json:"value"`
	Unit     string    `json:"unit"`
	Time     time.Time `json:"time"`
	Quality  string    `json:"quality"`
	Decimals int8      `json:"decimals"`
}

func (r *readings) add(sensor string, obs []agent.Observation, err error) {
	for _, o := range obs {
		p := o.Datastream.Property
		r.Readings = append(r.Readings, reading{sensor, p.Name, o.Value, p.Unit, o.Time, o.Quality.String(), o.Datastream.Resolution})
	}
	if err == nil && len(obs) == 0 {
		r.Notes = append(r.Notes, sensor+": no value yet: the sensor warms up, or a [[sensor.process]] needs more of what it says")
	}
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			r.Errors = append(r.Errors, sensor+": "+line)
		}
	}
}

// err returns the errors, one a line, or nil.
func (r *readings) err() error {
	var errs []error
	for _, text := range r.Errors {
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}
