package uplink

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/stretchr/testify/assert"
)

// A choosyCity takes no notices with an ID.
type choosyCity struct {
	fakeCity
	err  error
	ends bool
}

type choosySession struct {
	*fakeSession
	city *choosyCity
}

func (c *choosyCity) dial(ctx context.Context, t Target) (agent.City, error) {
	s, err := c.fakeCity.dial(ctx, t)
	return choosySession{s.(*fakeSession), c}, err
}

func (s choosySession) Notify(ctx context.Context, notices []agent.Notice) error {
	s.mu.Lock()
	err, ends := s.city.err, s.city.ends
	s.mu.Unlock()
	if notices[0].ID != 0 && err != nil {
		if ends {
			s.end()
		}
		return err
	}
	return s.fakeSession.Notify(ctx, notices)
}

// A notice that the city does not take, whatever becomes of it, keeps no
// observation waiting.
func TestNoticeThatIsNotTakenBlocksNoObservation(t *testing.T) {
	for name, city := range map[string]*choosyCity{
		"refused":             {err: &Permanent{errors.New("status 413")}},
		"ends the connection": {err: errors.New("connection reset"), ends: true},
		"put off":             {err: &agent.RetryError{Err: errors.New("status 503")}},
	} {
		t.Run(name, func(t *testing.T) {
			queue := newQueue(10)
			queue.notices = []agent.Notice{{ID: 1, Kind: agent.NoticeWindow}}
			run(t, &Uplink{Queue: queue, Dial: city.dial}, func(t *testing.T, log *bytes.Buffer) {
				for range 60 {
					queue.add(1)
					pass(time.Minute)
				}
				pass(5 * time.Minute)
				assert.Empty(t, queue.left())
				assert.Empty(t, queue.aside)
				assert.Zero(t, queue.notified, "it is kept")
				if name == "refused" {
					assert.Equal(t, 1, city.dials, "the connection too")
					assert.Len(t, city.notices, 14, "heartbeats are taken")
					assert.Contains(t, log.String(), "status 413")
					assert.Less(t, strings.Count(log.String(), "\n"), 20)
				}
				city.set(func() { city.err = nil })
				pass(10 * time.Minute)
				assert.EqualValues(t, 1, queue.notified)
			})
		})
	}
}
