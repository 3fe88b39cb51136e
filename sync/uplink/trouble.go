package uplink

import "time"

// How long a city that is connected may take nothing before a person is told, and
// how often that is.
const (
	troubleAfter = time.Minute
	troubleAgain = time.Hour
)

// patient is who waits for a city that is connected and takes nothing.
type patient struct {
	since time.Time // when it put off a batch, and took none after that
	said  time.Time // when a person was told
}

// trouble notes that the city has put off a batch, or, without an error, that it
// took one, and tells a person when that lasts.
func (u *Uplink) trouble(err error) {
	p := &u.patient
	switch {
	case err == nil && !p.said.IsZero():
		u.Target.Log.Info("the city takes observations again", "after", time.Since(p.since).Round(time.Second))
		u.say("")
		*p = patient{}
	case err == nil:
		p.since = time.Time{}
	case p.since.IsZero():
		p.since = time.Now()
	case time.Since(p.since) >= troubleAfter:
		u.say(err.Error())
		if time.Since(p.said) >= troubleAgain {
			p.said = time.Now()
			u.Target.Log.Warn("the city is connected, but takes no observations for now; they are kept", "err", err)
		}
	}
}

// say puts a reason into the status of a connection that there is.
func (u *Uplink) say(why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.status.Connected {
		u.status.Err = why
	}
}
