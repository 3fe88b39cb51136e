package senml

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// What a server or something before it answers to a pack.
func TestStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		kind   string
		want   string
	}{
		"stored":                         {204, "", "taken"},
		"stored, with a body":            {200, "application/json", "taken"},
		"the login page of a network":    {200, "text/html; charset=utf-8", "unknown"},
		"accepted is not stored":         {202, "", "unknown"},
		"a redirect":                     {302, "", "retry"},
		"no such place, for now":         {404, "text/plain", "retry"},
		"a format that it does not know": {415, "", "retry"},
		"a bad pack":                     {400, "application/json", "refused"},
		"a bad request to a proxy":       {400, "text/html", "retry"},
		"credentials":                    {401, "", "retry"},
		"busy":                           {503, "", "retry"},
		"a proxy lost the answer":        {502, "text/html", "unknown"},
		"a proxy did not wait":           {504, "", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.kind != "" {
					w.Header().Set("Content-Type", tt.kind)
				}
				w.WriteHeader(tt.status)
			}))
			defer server.Close()
			p, err := Protocol.Configure(func(into any) error {
				into.(*Settings).URL = server.URL
				return nil
			})
			require.NoError(t, err)
			c, err := p.Dial(t.Context(), uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: agent.AckStored})
			require.NoError(t, err)
			defer c.Close()

			err = c.Announce(t.Context(), agent.Thing{ID: "lamp-042"}, nil, nil)
			assert.Equal(t, tt.want == "taken" || tt.want == "refused", err == nil, "an announcement that is refused keeps no observation waiting: %v", err)

			err = c.Publish(t.Context(), agent.Batch{Epoch: 1, Observations: []agent.Observation{{Seq: 1, Time: when, Datastream: &agent.Datastream{Name: "a/b"}}}})

			var (
				retry   *agent.RetryError
				refused *agent.RefusedError
			)
			got := "unknown"
			switch {
			case err == nil:
				got = "taken"
			case errors.As(err, &retry):
				got = "retry"
			case errors.As(err, &refused):
				got = "refused"
			}
			assert.Equal(t, tt.want, got, "%v", err)
		})
	}
}
