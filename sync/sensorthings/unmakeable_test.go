package sensorthings_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	double "github.com/lamppost-city/lamppost/cmd/city/platforms/sensorthings"
	"github.com/lamppost-city/lamppost/sync/sensorthings"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// A Datastream that the server refuses to make keeps no other waiting, and its
// observations are not to blame.
func TestDatastreamThatCannotBeMade(t *testing.T) {
	d := open(t, double.Options{}, "")
	behind, err := url.Parse(d.city.URL())
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && bytes.Contains(body, []byte(`"name":"door/`)) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	p, err := sensorthings.Protocol.Configure(func(into any) error {
		into.(*sensorthings.Settings).URL = server.URL
		return nil
	})
	require.NoError(t, err)
	c, err := p.Dial(t.Context(), uplink.Target{Thing: thing})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Announce(t.Context(), thing, all, nil))
	mixed := batch(observed(1, air, 0, 21), observed(2, door, 0, 1), observed(3, rh, 0, 50))

	err = c.Publish(t.Context(), mixed)
	var left *uplink.LeftOut
	require.ErrorAs(t, err, &left)
	assert.Equal(t, map[uint64]bool{2: true}, left.Seqs)
	assert.Empty(t, left.Refused)
	assert.Equal(t, []uint64{1, 3}, d.received(epoch), "the others arrive")
	have, err := c.(agent.Reconciler).Reconcile(t.Context(), mixed)
	require.NoError(t, err)
	assert.ElementsMatch(t, []uint64{1, 3}, have)
	err = c.Publish(t.Context(), batch(observed(2, door, 0, 1)))
	assert.Equal(t, retry, outcome(err), "%v", err)
}
