package fiware

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// maxGroups is how many groups are in a message: 100 take an agent a second.
const maxGroups = 100

// A part is what a batch has for one device.
type part struct {
	device string
	obs    []agent.Observation
}

// deviceID names the device of a sensor. Neither id has a colon.
func deviceID(thing, sensor string) string { return thing + ":" + sensor }

// split sorts a batch by device, in Seq order, without what can never be sent.
func split(obs []agent.Observation, thing string) (parts []*part, refused map[uint64]string) {
	byDevice := make(map[string]*part)
	refused = make(map[uint64]string)
	for _, o := range obs {
		if why := unsayable(&o); why != "" {
			refused[o.Seq] = why
			continue
		}
		id := deviceID(o.Datastream.Thing, o.Datastream.Sensor)
		if o.Datastream.Thing == "" {
			id = deviceID(thing, o.Datastream.Sensor)
		}
		p, ok := byDevice[id]
		if !ok {
			p = &part{device: id}
			byDevice[id] = p
			parts = append(parts, p)
		}
		p.obs = append(p.obs, o)
	}
	return parts, refused
}

// unsayable returns why an observation can never be sent, or "".
func unsayable(o *agent.Observation) string {
	if why := uplink.Unsayable(o); why != "" {
		return why
	}
	if o.Time.UTC().Year() < 0 || o.Time.UTC().Year() > 9999 {
		return "the year of its time has no four digits"
	}
	return ""
}

// A group is what a sensor said at one instant: Seqs that follow each other.
type group []agent.Observation

func (g group) seq() uint64 { return g[len(g)-1].Seq }

// groups cuts the observations of one device into groups, in the order of their
// times, as the agent sorts them too: the last one is what the entity shows in
// the end.
func groups(obs []agent.Observation) []group {
	var all []group
	for i := range obs {
		if n := len(all) - 1; n >= 0 && all[n].takes(&obs[i]) {
			all[n] = obs[i-len(all[n]) : i+1]
			continue
		}
		all = append(all, obs[i:i+1])
	}
	slices.SortStableFunc(all, func(a, b group) int { return a[0].Time.Compare(b[0].Time) })
	return all
}

// takes tells whether an observation belongs to the group.
func (g group) takes(o *agent.Observation) bool {
	head := &g[0]
	return o.Seq == g.seq()+1 && o.Time.Equal(head.Time) && o.Quality == head.Quality && o.Span == head.Span &&
		o.Boot == head.Boot && o.Mono == head.Mono &&
		!slices.ContainsFunc(g, func(x agent.Observation) bool { return x.Datastream.Property.Name == o.Datastream.Property.Name })
}

// A message is what is sent at once.
type message struct {
	groups []group
	mark   mark
}

// A mark is what the entity shows when a message is stored.
type mark struct {
	epoch string
	seq   uint64
	batch string
}

// messages cuts a part into messages of at most most groups. The batch of each
// stands for all Seqs up to its end, so it is never that of another message.
func messages(epoch agent.Epoch, obs []agent.Observation, most int) []message {
	var all []message
	sum := fnv.New64a()
	for len(obs) > 0 {
		n := untilClockIsSet(obs)
		for chunk := range slices.Chunk(groups(obs[:n]), most) {
			for _, g := range chunk {
				for i := range g {
					add(sum, g[i].Seq)
				}
			}
			last := chunk[len(chunk)-1]
			all = append(all, message{chunk, mark{epoch.String(), last.seq(), fmt.Sprintf("%d-%016x", last.seq(), sum.Sum64())}})
		}
		obs = obs[n:]
	}
	return all
}

// untilClockIsSet returns how many observations from the front have times of one
// clock. What follows may have earlier times and is later all the same: within a
// message the agent would put it before them.
func untilClockIsSet(obs []agent.Observation) int {
	for i := 1; i < len(obs); i++ {
		if obs[i-1].Boot != 0 && obs[i].Boot != obs[i-1].Boot {
			return i
		}
	}
	return len(obs)
}

func add(sum hash.Hash64, seq uint64) {
	var text [21]byte
	_, _ = sum.Write(append(strconv.AppendUint(text[:0], seq, 10), ' ')) // it never fails
}

// observations returns all of the message, in its order.
func (m message) observations() []agent.Observation {
	var all []agent.Observation
	for _, g := range m.groups {
		all = append(all, g...)
	}
	return all
}
