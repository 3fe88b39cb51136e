package desk

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// A Book is what a city has received, counted and, with a store, written down.
// Its methods may be called by several goroutines at a time.
type Book struct {
	tally   *tally
	store   *store
	log     *slog.Logger
	saved   []json.RawMessage
	publish func(topic string, payload []byte, retained bool) error
}

func openBook(path string, log *slog.Logger) (*Book, error) {
	b := &Book{tally: newTally(), log: log}
	b.publish = func(string, []byte, bool) error { return errNoBroker }
	var err error
	b.store, err = openStore(path, func(l line) {
		l.count(b.tally)
		if l.Saved != nil {
			b.saved = append(b.saved, l.Saved)
		}
	})
	return b, err
}

var errNoBroker = fmt.Errorf("this city is no broker")

// Count counts keys and writes them, together with what the platform wants to
// find in Saved after a restart. All or none is written when it returns.
func (b *Book) Count(received []Keys, save ...any) error {
	if err := b.store.keep(received, save); err != nil {
		return err
	}
	b.tally.count(received)
	return nil
}

// Saved returns what a platform saved before the city was opened, in its order,
// once.
func (b *Book) Saved() []json.RawMessage {
	saved := b.saved
	b.saved = nil
	return saved
}

// Tell writes and notes what a thing tells.
func (b *Book) Tell(thing string, n Notice) error {
	if err := b.store.note(thing, n); err != nil {
		return err
	}
	b.tally.tell(thing, n)
	return nil
}

// Show remembers the newest record of a datastream of a thing.
func (b *Book) Show(thing string, r Record) {
	raw, err := json.Marshal(map[string]any{"n": r.Name, "u": r.Unit, "t": float64(r.Time.UnixMilli()) / 1000, "v": r.Value, "q": r.Quality})
	if err == nil { // else it is a value that JSON has no word for
		b.tally.show(r.Epoch, []entry{{thing: thing, name: []byte(r.Name), seq: r.Seq, raw: raw}})
	}
}

// Publish sends a message to the clients that want it, if the city is a broker.
func (b *Book) Publish(topic string, payload []byte, retained bool) error {
	return b.publish(topic, payload, retained)
}

// Log is where a platform says what it did not understand.
func (b *Book) Log() *slog.Logger { return b.log }

// Received returns what the city has of a thing.
func (b *Book) Received(thing string) Received { return b.tally.received(thing) }

// Things returns the ids of all things heard of, in order.
func (b *Book) Things() []string { return b.tally.ids() }

// Books compares what was received of a thing with what it says it has sent.
func (b *Book) Books(thing string) Books { return b.tally.books(thing) }
