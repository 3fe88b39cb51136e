package ngsild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// get asks for something that has names of a type's context.
func (c *city) get(ctx context.Context, path, model string) (httplink.Answer, error) {
	h := c.header()
	h["Accept"] = "application/json"
	h["Link"] = c.contexts.link(model)
	return c.link.Do(ctx, httplink.Request{Method: http.MethodGet, Path: path, Header: h})
}

func (c *city) post(ctx context.Context, path string, body []byte) (httplink.Answer, error) {
	h := c.header()
	h["Accept"] = "application/json"
	h["Content-Type"] = "application/ld+json"
	if c.contexts.inHeader() {
		h["Content-Type"] = "application/json"
		h["Link"] = c.contexts.link("")
	}
	return c.link.Do(ctx, httplink.Request{Method: http.MethodPost, Path: path, Header: h, Body: body})
}

// header has what every request has.
func (c *city) header() map[string]string {
	h := make(map[string]string)
	if c.settings.Tenant != "" {
		h["NGSILD-Tenant"] = c.settings.Tenant
	}
	if c.settings.Path != "" {
		h["NGSILD-Path"] = c.settings.Path
	}
	return h
}

// A problem is what a broker says of an error (GS CIM 009, 5.5.2).
type problem struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Detail json.RawMessage `json:"detail"` // a text, but for some brokers
	Status int             `json:"status"`
}

// Error returns the words of the broker.
func (p *problem) Error() string {
	text := p.name()
	for _, more := range []string{p.Title, strings.Trim(string(p.Detail), `"`)} {
		if more != "" && more != "null" {
			text += ": " + more
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), longestReason)], "")
}

// longestReason is how much of a broker's words is kept.
const longestReason = 300

// name is the last part of the type.
func (p *problem) name() string {
	return p.Type[strings.LastIndexAny(p.Type, "/#:")+1:]
}

// lasting tells whether what was sent will never be taken.
func (p *problem) lasting() bool {
	switch p.name() {
	case "LdContextNotAvailable", "NonexistentTenant", "NoMultiTenantSupport", "InternalError":
		return false
	case "BadRequestData", "InvalidRequest":
		return true
	}
	return p.Status == http.StatusBadRequest || p.Status == http.StatusRequestEntityTooLarge
}

func problemOf(a httplink.Answer) problem {
	var p problem
	_ = json.Unmarshal(a.Body, &p) // what is no problem document has no type
	return p
}

// contextPause is how long a context that cannot be fetched has to come back.
const contextPause = 30 * time.Second

// fail says what an answer means that is not the one hoped for: 400 and 413 are a
// *uplink.Permanent, what surely was not taken is an *agent.RetryError.
func (c *city) fail(a httplink.Answer, what string) error {
	p := problemOf(a)
	switch name := p.name(); {
	case name == "LdContextNotAvailable":
		return &agent.RetryError{Err: fmt.Errorf("%s: the platform cannot fetch the @context: %w; check context", what, &p), After: contextPause}
	case name == "NonexistentTenant" || name == "NoMultiTenantSupport":
		return &agent.RetryError{Err: fmt.Errorf("%s: the platform has no tenant %q: %w; have it created or check tenant", what, c.settings.Tenant, &p), After: contextPause}
	case a.Misled():
		return &agent.RetryError{Err: fmt.Errorf("%w; check url", a.Err(what)), After: contextPause}
	case a.Status == http.StatusBadRequest, a.Status == http.StatusRequestEntityTooLarge:
		return &uplink.Permanent{Err: a.Err(what)}
	case a.Status == http.StatusBadGateway, a.Status == http.StatusGatewayTimeout:
		// A proxy answers, and does not know what became of it.
		return errors.New(a.Err(what).Error())
	}
	return a.Err(what)
}
