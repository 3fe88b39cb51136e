package sensorthings

import "github.com/lamppost-city/lamppost/agent"

// Encoder returns a function that encodes observations and says how many bytes they
// take.
func Encoder() func(agent.Epoch, []agent.Observation) int {
	var dst []byte
	return func(epoch agent.Epoch, obs []agent.Observation) int {
		groups := byDatastream(obs)
		for i := range groups {
			groups[i].id = "1"
		}
		dst = appendRows(dst[:0], v11, epoch, groups)
		return len(dst)
	}
}

// Path is the path of a Thing with the id of a location, or "".
func Path(location string) string {
	i, ok := idOf(location)
	if !ok {
		return ""
	}
	return i.path("Things")
}

// Rows reads the answer to n rows.
var Rows = rowsOf
