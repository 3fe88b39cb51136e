package ngsild

import (
	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// Encoder returns a function that encodes observations of one entity and says how
// many bytes they take.
func Encoder(thing agent.Thing) func(agent.Epoch, []agent.Observation) int {
	c := newCity(&httplink.Link{}, Settings{}, uplink.Target{Thing: thing})
	var dst []byte
	return func(epoch agent.Epoch, obs []agent.Observation) int {
		placed := c.place(agent.Batch{Epoch: epoch, Observations: obs})
		dst = appendHistory(dst[:0], c.contexts.inBody(placed[0].model), placed)
		return len(dst)
	}
}

// ReadBack is what reads histories of platforms.
func ReadBack(body []byte) (int, error) {
	all, err := instances(body)
	return len(all), err
}

// Report reads the answer to an upsert of one entity: whether it is stored.
func Report(body []byte, id string) (stored bool, err error) {
	refused, err := parts(body, []entity{{id: id}})
	p, failed := refused[id]
	_ = p.Error() // whatever it says can be shown
	return err == nil && !failed, err
}
