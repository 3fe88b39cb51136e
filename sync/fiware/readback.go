package fiware

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
)

// How a read-back goes: so many times the wait of the settings, and for each
// group what a slow platform takes.
const (
	tries    = 3
	perGroup = 20 * time.Millisecond
	soon     = 20 * time.Millisecond // before it is asked again after an old answer; doubles
)

// errNoAnswer is in the chain when the platform said nothing at all.
var errNoAnswer = errors.New("no answer: the agent is away, or it does not know the device, or its broker has no shared subscriptions, or its access list hides the answers")

// await asks what the platform has of a device until that is want, or it is too
// late: then it returns what was answered last.
func (o *overMQTT) await(ctx context.Context, d *device, want mark, groups int) (mark, error) {
	wait := o.c.settings.ReadBackWait
	end := time.Now().Add(tries*wait + time.Duration(groups)*perGroup)
	var (
		got      mark
		answered bool
	)
	for pause := soon; ; pause *= 2 {
		m, err := o.ask(ctx, d, wait)
		switch {
		case errors.Is(err, errNoAnswer):
		case err != nil:
			return mark{}, err
		case m == want:
			return m, nil
		default:
			got, answered = m, true
			if err := o.rest(ctx, min(pause, wait)); err != nil {
				return mark{}, err
			}
		}
		if time.Now().After(end) {
			break
		}
	}
	if !answered {
		return mark{}, errNoAnswer
	}
	return got, nil
}

// ask asks once. Its errors are never an *agent.RetryError: measures are sent
// already.
func (o *overMQTT) ask(ctx context.Context, d *device, wait time.Duration) (mark, error) {
	if err := o.link.Publish(ctx, o.topic(d, "configuration/commands"), o.question(), false); err != nil {
		return mark{}, fmt.Errorf("ask: %v", err)
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case m := <-d.answers:
		return m, nil
	case <-late.C:
		return mark{}, errNoAnswer
	case <-ctx.Done():
		return mark{}, ctx.Err()
	case <-o.link.Lost():
		return mark{}, errors.New("the connection was lost")
	case <-o.closed:
		return mark{}, errors.New("the link is closed")
	}
}

func (o *overMQTT) rest(ctx context.Context, pause time.Duration) error {
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-o.link.Lost():
		return errors.New("the connection was lost")
	case <-o.closed:
		return errors.New("the link is closed")
	}
}

// parseAnswer reads what the agent says of an entity. What it does not say is
// zero, which is no mark of a message.
func parseAnswer(ul bool, payload []byte) (mark, bool) {
	fields := make(map[string]string)
	if ul {
		head, rest, _ := strings.Cut(string(payload), "|")
		if !strings.HasSuffix(head, "@configuration") {
			return mark{}, false
		}
		for pair := range strings.SplitSeq(rest, "|") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				fields[name] = value
			}
		}
		fields["epoch"] = strings.TrimPrefix(fields["epoch"], "x")
	} else {
		decoder := json.NewDecoder(bytes.NewReader(payload))
		decoder.UseNumber()
		var all map[string]any
		if decoder.Decode(&all) != nil || all == nil {
			return mark{}, false
		}
		for name, value := range all {
			fields[name] = fmt.Sprint(value)
		}
	}
	m := mark{batch: fields["batch"]}
	if epoch, err := agent.ParseEpoch(fields["epoch"]); err == nil {
		m.epoch = epoch.String()
	}
	if seq, err := strconv.ParseUint(fields["seq"], 10, 64); err == nil {
		m.seq = seq
	}
	return m, true
}
