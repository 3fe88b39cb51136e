package fiware

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// overHTTP is the way to the agent's own port.
type overHTTP struct {
	c    *city
	link *httplink.Link
}

func openHTTP(c *city) (way, error) {
	l, err := httplink.Open(c.settings.south())
	if err != nil {
		return nil, err
	}
	return &overHTTP{c, l}, nil
}

// ready implements way.
func (o *overHTTP) ready(context.Context, *device) error { return nil }

// deliver implements way: halves of a message that is refused are sent until
// what nobody takes stands alone.
func (o *overHTTP) deliver(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) error {
	refused := make(map[uint64]string)
	for i, m := range messages(epoch, obs, o.c.settings.most()) {
		err := uplink.Bisect(m.observations(), func(obs []agent.Observation) error { return o.publish(ctx, d, epoch, obs) })
		var (
			some  *agent.RefusedError
			retry *agent.RetryError
		)
		switch {
		case errors.As(err, &some):
			for seq, why := range some.Refused {
				refused[seq] = why
			}
		case errors.As(err, &retry) && i > 0:
			return partly(err)
		case err != nil:
			return err
		}
	}
	if len(refused) > 0 {
		return &agent.RefusedError{Refused: refused}
	}
	return nil
}

// errSome says that a context broker took some groups of a message.
var errSome = errors.New("status 207: the context broker took only some")

// publish sends observations at once. If the context broker took only some,
// halves may fare better: one that speaks NGSI-LD takes an entity once in a
// message (trap F9). One group alone was stored or was not.
func (o *overHTTP) publish(ctx context.Context, d *device, epoch agent.Epoch, obs []agent.Observation) error {
	m := message{groups: groups(obs)}
	payload, after := encode(o.ul(), epoch, m, "", d.shown)
	err := o.post(ctx, d, payload)
	d.shown = after
	if err != nil {
		d.shown = shown{}
	}
	if errors.Is(err, errSome) && len(m.groups) > 1 {
		return &uplink.Permanent{Err: err}
	}
	return err
}

// tell implements way.
func (o *overHTTP) tell(ctx context.Context, d *device, n agent.Notice, text string) error {
	return o.post(ctx, d, encodeNotice(o.ul(), n, text, ""))
}

// stored implements way: the agent has no answer over HTTP.
func (o *overHTTP) stored(context.Context, *device, agent.Epoch, []agent.Observation) ([]agent.Observation, error) {
	return nil, nil
}

func (o *overHTTP) ul() bool { return o.c.settings.Encoding == encodingUL }

// post sends a payload and judges the answer.
func (o *overHTTP) post(ctx context.Context, d *device, payload []byte) error {
	path, kind := "/iot/json", "application/json"
	if o.ul() {
		path, kind = "/iot/d", "text/plain"
	}
	a, err := o.link.Do(ctx, httplink.Request{
		Method: http.MethodPost,
		Path:   path + "?" + url.Values{"k": {o.c.key}, "i": {d.id}}.Encode(),
		Header: map[string]string{"Content-Type": kind},
		Body:   payload,
	})
	if err != nil {
		return err
	}
	name := faultOf(a)
	err = judge(hide(a, o.c.key), name, o.ul())
	switch name {
	case deviceNotFound:
		o.c.raise(err.Error())
		if failed := o.c.provision(ctx); failed != nil {
			return &agent.RetryError{Err: fmt.Errorf("%w; provision: %w", err, failed)}
		}
	case groupNotFound, forbiddenAccess, paramsMissing:
		o.c.raise(err.Error())
	case "":
		if err == nil {
			o.c.raise("") // what is told next is news
		}
	}
	return err
}

// Lost implements way: there is no connection to lose.
func (o *overHTTP) Lost() <-chan struct{} { return nil }

// Close implements way.
func (o *overHTTP) Close() error { return o.link.Close() }

// The names that an agent has for what went wrong.
const (
	deviceNotFound  = "DEVICE_NOT_FOUND"
	groupNotFound   = "DEVICE_GROUP_NOT_FOUND"
	forbiddenAccess = "ACCESS_FORBIDDEN"
	paramsMissing   = "MANDATORY_PARAMS_NOT_FOUND"
	genericError    = "ENTITY_GENERIC_ERROR"
	requestError    = "RequestError"
)

// faultOf returns the name in an answer that tells of an error.
func faultOf(a httplink.Answer) string {
	var body struct{ Name string }
	if json.Unmarshal(a.Body, &body) != nil {
		return ""
	}
	return body.Name
}

// hide takes the API key out of an answer: agents repeat it, and proxies the URL
// that it is in.
func hide(a httplink.Answer, key string) httplink.Answer {
	for _, form := range []string{key, url.QueryEscape(key), html.EscapeString(url.QueryEscape(key)), html.EscapeString(key)} {
		a.Body = bytes.ReplaceAll(a.Body, []byte(form), []byte("…"))
	}
	return a
}

// slowly is the pause where a person must do something first.
const slowly = 5 * time.Minute

// judge says what became of measures. Only status 200
// and an empty answer mean that they are stored (trap F4).
func judge(a httplink.Answer, name string, ul bool) error {
	const what = "measures"
	body := strings.TrimSpace(string(a.Body))
	refuses := errors.New(a.Err(what).Error())
	retry := func(after time.Duration, advice string) error {
		return &agent.RetryError{Err: fmt.Errorf("%w; %s", refuses, advice), After: after}
	}
	switch {
	case a.Status == http.StatusOK && (body == "{}" && !ul || body == "" && ul):
		return nil
	case a.Status == http.StatusOK && name == genericError:
		return retry(0, "the agent does not reach its context broker")
	case a.Status == http.StatusMultiStatus:
		return fmt.Errorf("%w: %w", errSome, refuses)
	case name == paramsMissing:
		return retry(slowly, "something on the way takes k and i from the URL")
	case a.Status == http.StatusBadRequest && a.Page():
		return retry(time.Minute, "a proxy answers and not the agent; check url")
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnprocessableEntity, a.Status == http.StatusRequestEntityTooLarge:
		return &uplink.Permanent{Err: refuses}
	case name == deviceNotFound:
		return retry(0, "the device is not provisioned; set north_url, or ask who runs the platform")
	case name == groupNotFound:
		return retry(slowly, "check api_key_file")
	case a.Status == http.StatusNotFound:
		return retry(time.Minute, "check url")
	case name == forbiddenAccess:
		return retry(time.Minute, "the context broker does not let the agent in; ask who runs the platform")
	case name == requestError && !strings.Contains(body, "ECONNREFUSED"), a.Status == http.StatusGatewayTimeout, a.Status == http.StatusBadGateway:
		return refuses // it may have been stored
	}
	if err := a.Err(what); a.Status != http.StatusOK {
		return err
	}
	return fmt.Errorf("measures: status 200 from something that is no agent%s", strings.TrimPrefix(refuses.Error(), "measures: status 200"))
}
