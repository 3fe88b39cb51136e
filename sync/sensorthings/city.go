package sensorthings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A city is a SensorThings server. It implements agent.Reconciler and agent.Pacer.
type city struct {
	link   *httplink.Link
	d      dialect
	target uplink.Target
	ids    *register
}

func newCity(link *httplink.Link, d dialect, target uplink.Target) *city {
	return &city{link: link, d: d, target: target, ids: newRegister()}
}

// Batches: a server needs 2 ms for a row, and a request is a transaction.
const (
	rowLimit    = 1000
	batchWindow = 4
)

// Pace implements agent.Pacer.
func (c *city) Pace() agent.Pace { return agent.Pace{Limit: rowLimit, Window: batchWindow} }

// Announce implements agent.City: it finds or makes all entities. One that the
// server refuses keeps no other datastream waiting.
func (c *city) Announce(ctx context.Context, _ agent.Thing, streams []*agent.Datastream, _ []agent.Observation) error {
	for _, ds := range streams {
		if _, err := c.stream(ctx, ds); unmakeable(err) {
			c.warn(ds.Name, err)
		} else if err != nil {
			return fmt.Errorf("datastream %s: %w", ds.Name, err)
		}
	}
	if _, err := c.notices(ctx); unmakeable(err) {
		c.warn("notices", err)
	} else if err != nil {
		return fmt.Errorf("datastream of notices: %w", err)
	}
	return nil
}

func (c *city) warn(name string, err error) {
	if c.target.Log != nil {
		c.target.Log.Error("the server does not take a datastream; its observations wait", "datastream", name, "err", err)
	}
}

// unmakeable tells whether the server refuses to make an entity.
func unmakeable(err error) bool {
	var permanent *uplink.Permanent
	return errors.As(err, &permanent)
}

// Publish implements agent.City.
func (c *city) Publish(ctx context.Context, batch agent.Batch) error {
	sayable, refused := uplink.Sift(batch.Observations, unsayable)
	var all uplink.Parts
	for len(sayable) > 0 {
		n := min(len(sayable), rowLimit)
		err := uplink.Bisect(sayable[:n], func(obs []agent.Observation) error { return c.create(ctx, batch.Epoch, obs) })
		var left *uplink.LeftOut
		if errors.As(err, &left) {
			if n < len(batch.Observations)-len(refused) {
				return errors.New(err.Error()) // of the rest nothing is known
			}
			maps.Copy(refused, left.Refused)
			left.Refused = refused
			return left
		}
		if err := all.Add(err); err != nil {
			return err
		}
		sayable = sayable[n:]
	}
	var some *agent.RefusedError
	if errors.As(all.Err(), &some) {
		maps.Copy(refused, some.Refused)
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// gonePause is how long a server has to come to terms with itself when a
// Datastream is not there that was.
const gonePause = 5 * time.Second

// create sends observations as rows, grouped by Datastream. Those whose Datastream
// cannot be made are left out.
func (c *city) create(ctx context.Context, epoch agent.Epoch, obs []agent.Observation) error {
	var (
		groups  []group
		leftOut error
		left    = make(map[uint64]bool)
	)
	for _, g := range byDatastream(obs) {
		id, err := c.stream(ctx, g.ds)
		if err != nil {
			err = fmt.Errorf("datastream %s: %w", g.ds.Name, err)
		}
		switch {
		case unmakeable(err):
			leftOut = err
			for _, o := range g.obs {
				left[o.Seq] = true
			}
		case err != nil:
			return notTaken(err)
		default:
			g.id = id
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return &agent.RetryError{Err: errors.New(leftOut.Error())} // not %w: the observations are not to blame
	}
	err := c.createRows(ctx, epoch, groups)
	var some *agent.RefusedError
	switch {
	case leftOut == nil:
		return err
	case errors.As(err, &some):
		return &uplink.LeftOut{Seqs: left, Refused: some.Refused, Err: leftOut}
	case err == nil:
		return &uplink.LeftOut{Seqs: left, Err: leftOut}
	}
	return err
}

func (c *city) createRows(ctx context.Context, epoch agent.Epoch, groups []group) error {
	a, err := c.post(ctx, c.d.create, appendRows(nil, c.d, epoch, groups))
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusCreated:
		return c.verdict(ctx, a.Body, groups)
	case a.Status == http.StatusNotFound:
		c.ids.forget()
		err := fmt.Errorf("%w; a Datastream is gone and is made again, or the server has no data arrays", a.Err("observations"))
		return &agent.RetryError{Err: err, After: gonePause}
	}
	return fail(a, "observations")
}

// notTaken says that what came before the rows has failed.
func notTaken(err error) error {
	var retry *agent.RetryError
	if errors.As(err, &retry) {
		return &agent.RetryError{Err: err, After: retry.After}
	}
	return &agent.RetryError{Err: err, After: gonePause}
}

// verdict reads what became of each row. A row may be refused because its
// Datastream or its Thing's place is gone: that is no fault of the observation.
func (c *city) verdict(ctx context.Context, body []byte, groups []group) error {
	said, err := rowsOf(body, count(groups))
	if err != nil {
		return err
	}
	refused := make(map[uint64]string)
	stored, gone := 0, ""
	for _, g := range groups {
		bad := 0
		for i := range g.obs {
			if why := said[i]; why != "" {
				refused[g.obs[i].Seq] = why
				bad++
				if placeless(why) {
					gone = why
				}
			}
		}
		stored += len(g.obs) - bad
		said = said[len(g.obs):]
		if bad == len(g.obs) && gone == "" {
			there, err := c.exists(ctx, g.id)
			if err != nil {
				return fmt.Errorf("observations: refused, and whether the Datastream is there is not known: %s", err)
			}
			if !there {
				gone = "the Datastream " + g.ds.Name + " is not there"
			}
		}
	}
	switch {
	case gone != "" && stored == 0:
		c.ids.forget()
		return &agent.RetryError{Err: fmt.Errorf("observations: %s; it is made again", gone), After: gonePause}
	case gone != "":
		c.ids.forget()
		return fmt.Errorf("observations: %s; a part of the batch was taken", gone)
	case len(refused) > 0:
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// Notify implements agent.City: notices are observations of a Datastream of their
// own. One that comes again is stored again, under the same epoch and id.
func (c *city) Notify(ctx context.Context, notices []agent.Notice) error {
	if len(notices) == 0 {
		return nil
	}
	id, err := c.notices(ctx)
	if err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	body, err := noticeRows(c.d, id, notices)
	if err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	a, err := c.post(ctx, c.d.create, body)
	switch {
	case err != nil:
		return fmt.Errorf("notices: %w", err)
	case a.Status == http.StatusNotFound:
		c.ids.forget()
		return a.Err("notices")
	case a.Status != http.StatusCreated:
		return fail(a, "notices")
	}
	said, err := rowsOf(a.Body, len(notices))
	if err != nil {
		return fmt.Errorf("notices: %w", err)
	}
	for _, why := range said {
		if why != "" {
			c.ids.forget() // it may be the Datastream
			return fmt.Errorf("notices: %s", why)
		}
	}
	return nil
}

// Lost implements agent.City: requests stand for themselves.
func (c *city) Lost() <-chan struct{} { return nil }

// Close implements agent.City.
func (c *city) Close() error { return c.link.Close() }

func (c *city) get(ctx context.Context, path string) (httplink.Answer, error) {
	return c.link.Do(ctx, httplink.Request{Method: http.MethodGet, Path: path, Header: map[string]string{"Accept": "application/json"}})
}

func (c *city) post(ctx context.Context, path string, body []byte) (httplink.Answer, error) {
	h := map[string]string{"Accept": "application/json", "Content-Type": "application/json"}
	return c.link.Do(ctx, httplink.Request{Method: http.MethodPost, Path: path, Header: h, Body: body})
}

// misledPause is how long a person has to correct where the gateway asks.
const misledPause = 30 * time.Second

// fail says what an answer means that is not the one hoped for: 400 and 413 are a
// *uplink.Permanent, what surely was not taken is an *agent.RetryError.
func fail(a httplink.Answer, what string) error {
	switch {
	case a.Misled():
		return &agent.RetryError{Err: fmt.Errorf("%w; check url", a.Err(what)), After: misledPause}
	case a.Status == http.StatusBadRequest, a.Status == http.StatusRequestEntityTooLarge:
		return &uplink.Permanent{Err: a.Err(what)}
	case a.Status == http.StatusBadGateway, a.Status == http.StatusGatewayTimeout:
		// A proxy answers, and does not know what became of it.
		return errors.New(a.Err(what).Error())
	}
	return a.Err(what)
}
