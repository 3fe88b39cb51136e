// Package thingsboard is a ThingsBoard on the desk: its MQTT gateway API with
// the limits and quirks of the real one. It shares no
// code with the gateway.
package thingsboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// Platform takes the telemetry of every gateway.
var Platform = desk.Platform{Name: "thingsboard", Open: func(b *desk.Book) (desk.Receiver, http.Handler, error) {
	return New().open(b)
}}

// A Double is a ThingsBoard under a test's control.
type Double struct {
	mu      sync.Mutex
	faults  Faults
	book    *desk.Book
	devices map[string]*device
	rows    int
}

// New returns a ThingsBoard that has seen nothing.
func New() *Double { return &Double{devices: map[string]*device{}} }

// Platform returns what a city is opened with.
func (d *Double) Platform() desk.Platform { return desk.Platform{Name: "thingsboard", Open: d.open} }

// Faults are what is wrong with a platform.
type Faults struct {
	NoAck  int                                               // so many messages are taken, and the connection ends without PUBACK
	Spare  int                                               // so many messages are taken before those of Fail
	Fail   int                                               // so many are not taken: the PUBACK says so to MQTT 5 only, and the connection ends
	Poison func(device string, values map[string]Value) bool // entries whose message ends as those of Fail
}

// Set changes what is wrong.
func (d *Double) Set(change func(*Faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.faults)
}

// A Value is JSON as it came.
type Value = json.RawMessage

// A device has its telemetry by key and time, and the newest by key.
type device struct {
	profile    string
	attributes map[string]Value
	rows       map[rowKey]Value
	latest     map[string]latest
}

// A rowKey is the rest of the primary key of a row.
type rowKey struct {
	key string
	ts  int64
}

type latest struct {
	ts    int64
	value Value
}

// A Device is what the platform shows of a device.
type Device struct {
	Profile    string
	Attributes map[string]Value
	Latest     map[string]Value
	Rows       int
}

// Device returns a device, and whether there is one.
func (d *Double) Device(name string) (Device, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev, ok := d.devices[name]
	if !ok {
		return Device{}, false
	}
	shown := Device{Profile: dev.profile, Attributes: maps.Clone(dev.attributes), Latest: map[string]Value{}, Rows: len(dev.rows)}
	for key, l := range dev.latest {
		shown.Latest[key] = l.value
	}
	return shown, true
}

// Row returns the value of a key at a time, or nil.
func (d *Double) Row(name, key string, ts time.Time) Value {
	d.mu.Lock()
	defer d.mu.Unlock()
	if dev, ok := d.devices[name]; ok {
		return dev.rows[rowKey{key, ts.UnixMilli()}]
	}
	return nil
}

// of returns a device, which is made with the first word about it.
func (d *Double) of(name string) *device {
	dev, ok := d.devices[name]
	if !ok {
		dev = &device{profile: "default", attributes: map[string]Value{}, rows: map[rowKey]Value{}, latest: map[string]latest{}}
		d.devices[name] = dev
	}
	return dev
}

// maxRows is how many rows are kept: the book has the keys of all.
const maxRows = 200_000

// put writes a row and, unless it is late, the newest.
func (d *Double) put(dev *device, key string, ts int64, v Value) {
	if _, ok := dev.rows[rowKey{key, ts}]; !ok {
		d.rows++
	}
	if d.rows <= maxRows {
		dev.rows[rowKey{key, ts}] = v
	}
	if l, ok := dev.latest[key]; !ok || ts >= l.ts {
		dev.latest[key] = latest{ts, v}
	}
}

// A saved row is an entry of a device.
type saved struct {
	Device string           `json:"device"`
	TS     int64            `json:"ts"`
	Values map[string]Value `json:"values"`
}

func (d *Double) open(b *desk.Book) (desk.Receiver, http.Handler, error) {
	d.book = b
	for _, text := range b.Saved() {
		var s saved
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, nil, fmt.Errorf("saved: %w", err)
		}
		dev := d.of(s.Device)
		for key, v := range s.Values {
			d.put(dev, key, s.TS, v)
		}
	}
	return d.receive, nil, nil
}

func (d *Double) log() *slog.Logger { return d.book.Log() }

// maxPayload is what a message may have, with its headers
// (NETTY_MAX_PAYLOAD_SIZE).
const maxPayload = 65_536

// Why connections end without PUBACK.
var (
	errTooLarge  = errors.New("message too large")
	errMalformed = errors.New("malformed")
	errNoAck     = errors.New("the connection is to end before the acknowledgement")
)

// receive takes one message, or ends the connection.
func (d *Double) receive(m desk.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(m.Payload)+len(m.Topic)+7 > maxPayload {
		return errTooLarge
	}
	if m.QoS == 0 {
		return fmt.Errorf("%w: QoS 0 has no packet id", errMalformed)
	}
	if d.faults.Spare > 0 {
		d.faults.Spare--
	} else if d.faults.Fail > 0 {
		d.faults.Fail--
		return desk.ErrAckAndEnd
	}
	var err error
	switch m.Topic {
	case "v1/gateway/connect":
		err = d.connect(m.Payload)
	case "v1/gateway/telemetry":
		err = d.telemetry(m.Payload)
	case "v1/gateway/attributes":
		err = d.attributes(m.Payload)
	case "v1/devices/me/telemetry":
		err = d.own(m.Client, m.Payload)
	}
	if err == nil && d.faults.NoAck > 0 {
		d.faults.NoAck--
		return errNoAck
	}
	return err
}
