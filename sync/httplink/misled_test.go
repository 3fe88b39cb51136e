package httplink_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/httplink"
)

// A server that does not answer keeps nobody from stopping.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	came, over := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(came)
		<-over
	}))
	defer server.Close()
	defer close(over)
	link, err := httplink.Open(httplink.Settings{URL: server.URL})
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := link.Do(t.Context(), httplink.Request{Method: http.MethodPost, Path: "/", Body: []byte("{}")})
		ended <- err
	}()
	<-came

	require.NoError(t, link.Close())

	err = <-ended
	var retry *agent.RetryError
	require.Error(t, err)
	assert.False(t, errors.As(err, &retry), "it was written: the server may have acted on it")
	_, err = link.Do(t.Context(), httplink.Request{Method: http.MethodGet, Path: "/"})
	assert.ErrorAs(t, err, &retry, "and nothing leaves any more")
}

func TestMisled(t *testing.T) {
	for status, misled := range map[int]bool{200: false, 302: true, 308: true, 400: false, 404: true, 405: true, 406: true, 409: false, 410: true, 407: true, 415: true, 421: true, 429: false, 500: false} {
		assert.Equal(t, misled, httplink.Answer{Status: status}.Misled(), status)
	}
}

// A proxy that answers in the platform's place says nothing of what was sent.
func TestPageOfAProxy(t *testing.T) {
	page := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	assert.True(t, httplink.Answer{Status: 400, Header: page}.Misled())
	assert.False(t, httplink.Answer{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}}.Misled())
	assert.False(t, httplink.Answer{Status: 413, Header: page}.Misled(), "a smaller request may pass")
	assert.True(t, httplink.Answer{Status: 200, Header: page}.Page())
	assert.False(t, httplink.Answer{Status: 200}.Page())
}
