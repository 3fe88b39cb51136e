// Package fiware is a FIWARE platform on the desk: an IoT Agent for JSON and
// Ultralight, over MQTT and HTTP, with its API for provisioning, and a context
// broker behind it. It has the quirks of the real ones
// and shares no code with the gateway.
//
// The API for provisioning and the port for measures are one.
package fiware

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

// Platform lets every device in: it invents those it does not know.
var Platform = desk.Platform{Name: "fiware", Configure: configure, Open: func(b *desk.Book) (desk.Receiver, http.Handler, error) {
	d := New()
	d.Open = true
	return d.open(b)
}}

// configure returns how a gateway reaches such a platform, over MQTT if it has an
// address for it.
func configure(mqtt, http, dir string) (string, error) {
	key := filepath.Join(dir, "fiware.key")
	if err := os.WriteFile(key, []byte("desk\n"), 0o600); err != nil {
		return "", err
	}
	url := "http://" + http
	if mqtt != "" {
		url = "mqtt://" + mqtt
	}
	return fmt.Sprintf("protocol = \"fiware\"\nurl = %q\napi_key_file = %q\nnorth_url = %q\nservice = \"desk\"\nread_back_wait = \"500ms\"\n",
		url, key, "http://"+http), nil
}

// A Double is a platform under a test's control. Open and MemoryRegistry are set
// before the city is opened.
type Double struct {
	Open           bool // every API key has a group that invents devices
	MemoryRegistry bool // a restart of the agent forgets groups and devices

	mu       sync.Mutex
	faults   Faults
	book     *desk.Book
	registry registry
	entities map[string]*entity
	history  []Notification
	lagging  []func() // measures that are not applied yet
	answered int      // questions, since the first of these
}

// New returns a platform that knows no group.
func New() *Double {
	return &Double{registry: registry{groups: map[groupKey]*group{}, devices: map[deviceKey]*device{}}, entities: map[string]*entity{}}
}

// Platform returns what a city is opened with.
func (d *Double) Platform() desk.Platform { return desk.Platform{Name: "fiware", Open: d.open} }

// Faults are what is wrong with a platform.
type Faults struct {
	Down     bool                      // the context broker does not answer
	Broker   int                       // the status it answers to updates, if not 0
	Poison   func(map[string]any) bool // groups it answers 400 to
	LinkedLD bool                      // it takes an entity once in a message: else 207
	Deaf     bool                      // the agent does not hear the broker
	Mute     bool                      // it answers no questions
	Lag      int                       // how many questions it answers before it has applied measures
	NoAck    int                       // so many messages are taken, and the connection ends without PUBACK
	South    []Answer                  // to the next requests with measures, in turn
	North    []Answer                  // to the next requests for provisioning
}

// An Answer is what a request gets in place of the usual; the zero value is the
// usual.
type Answer struct {
	Status int
	Body   string
	Taken  bool // it is worked on all the same
	Cut    bool // the connection ends in place of an answer
	Header map[string]string
}

// works tells whether the request is worked on.
func (a Answer) works() bool { return a.Taken || a.Status == 0 && !a.Cut }

// Set changes what is wrong.
func (d *Double) Set(change func(*Faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.faults)
}

// next takes the next answer of a list, if there is one. The double is locked.
func next(list *[]Answer) (Answer, bool) {
	if len(*list) == 0 {
		return Answer{}, false
	}
	a := (*list)[0]
	*list = (*list)[1:]
	return a, true
}

// Forget restarts an agent whose registry is in memory.
func (d *Double) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.registry.devices)
}

// A Notification is what a history component hears of an entity.
type Notification struct {
	Entity string
	Type   string
	Attrs  map[string]Attr
}

// maxHistory is how many notifications are kept: the book has the keys of all.
const maxHistory = 10_000

// History returns the notifications since the city was opened, oldest first.
func (d *Double) History() []Notification {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.history)
}

// Entity returns the attributes of an entity, or nil.
func (d *Double) Entity(id string) map[string]Attr {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.entities[id]; ok {
		return e.clone()
	}
	return nil
}

// A saved row is one of these.
type saved struct {
	Group  *group  `json:"group,omitempty"`
	Device *device `json:"device,omitempty"`
	Gone   *gone   `json:"gone,omitempty"`
	Entity *entity `json:"entity,omitempty"`
}

func (d *Double) open(b *desk.Book) (desk.Receiver, http.Handler, error) {
	d.book = b
	for _, text := range b.Saved() {
		var s saved
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, nil, fmt.Errorf("saved: %w", err)
		}
		switch {
		case s.Group != nil:
			d.registry.groups[s.Group.key()] = s.Group
		case s.Device != nil:
			d.registry.devices[s.Device.key()] = s.Device
		case s.Gone != nil:
			delete(d.registry.devices, s.Gone.key())
		case s.Entity != nil:
			d.merge(s.Entity)
		}
	}
	return d.receive, d.handler(), nil
}

// keep saves what was provisioned.
func (d *Double) keep(s saved) error {
	if d.MemoryRegistry {
		return nil
	}
	return d.book.Count(nil, s)
}

func (d *Double) log() *slog.Logger { return d.book.Log() }
