package agent

// A Recorder keeps observations until every city has them.
type Recorder interface {
	// Datastream returns the datastream that has all of want but the ID, and
	// gives it an ID if it is new. The ID lasts as long as the buffer.
	Datastream(want Datastream) (*Datastream, error)

	// Record gives the observations their Seqs, which are consecutive, and
	// remembers them. They are of one instant and never split afterwards. It
	// makes the time of each datastream strictly increasing and rounds values
	// to the resolution, in obs itself. They are accepted, that is safe from a
	// power cut, within the loss window; those of class Alarm when it returns.
	// obs is the caller's again then.
	Record(obs []Observation) error

	// Last returns the last recorded value of a Count datastream, as known
	// after a restart, and whether there is one.
	Last(ds *Datastream) (total float64, ok bool)
}
