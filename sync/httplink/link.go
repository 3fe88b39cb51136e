package httplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/credentials"
)

// maxAnswer is how much of an answer is read: a batch of 1000 with a link a row
// takes about 100 KB.
const maxAnswer = 8 << 20

// idle is how long a connection is kept for the next request.
const idle = 90 * time.Second

// A Link asks one server. Do may be called by several goroutines at a time.
type Link struct {
	settings Settings
	base     string
	client   *http.Client
	tokens   tokens
	closed   context.Context // done when the link is
	end      context.CancelFunc
}

// Open returns a link with the settings, which are those that Validate takes. It
// reads certificates, and connects to nobody yet. Proxies are those of the
// environment (HTTPS_PROXY, NO_PROXY).
func Open(s Settings) (*Link, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.IdleConnTimeout = 16, idle
	if strings.HasPrefix(s.URL, "https:") || strings.HasPrefix(s.TokenURL, "https:") {
		config, err := s.credentials().TLS("")
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig = config // for servers behind a proxy
		t.DialTLSContext = s.dialTLS
	}
	l := &Link{settings: s, base: strings.TrimRight(s.URL, "/")}
	l.closed, l.end = context.WithCancel(context.Background())
	// A redirect would carry what is sent to another place.
	l.client = &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return l, nil
}

// dialTLS connects with the certificates as they are now: a link lives for
// months.
func (s Settings) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config, err := s.credentials().TLS(host)
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
}

// A Request is what to ask.
type Request struct {
	Method string
	Path   string // follows the URL of the settings: "/entityOperations/upsert?options=update"; a whole URL stands for itself
	Header map[string]string
	Body   []byte
}

// An Answer is what a server said, whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do asks, and returns the answer whatever its status is. An *agent.RetryError
// says that the request surely never left; after any other error the server may
// have acted on it.
func (l *Link) Do(ctx context.Context, r Request) (Answer, error) {
	if l.closed.Err() != nil {
		return Answer{}, &agent.RetryError{Err: errors.New("the link is closed")}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.closed, cancel)()
	target := r.Path
	if !strings.HasPrefix(target, "http://") && !strings.HasPrefix(target, "https://") {
		target = l.base + target
	}
	// Whatever was written, even in part, may have arrived.
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &agent.RetryError{Err: err}
	}
	if len(r.Body) == 0 {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	} else {
		req.GetBody = nil // what was sent once is not sent again behind our back
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	var secrets []string
	if target == l.base || strings.HasPrefix(target, l.base+"/") || strings.HasPrefix(target, l.base+"?") {
		if secrets, err = l.authorize(ctx, req); err != nil {
			return Answer{}, &agent.RetryError{Err: err}
		}
	}
	res, err := l.client.Do(req)
	if err != nil {
		err = fmt.Errorf("%s %s: %w", r.Method, path(target), credentials.Explain(unwrap(err), "server"))
		if !written.Load() {
			return Answer{}, &agent.RetryError{Err: err}
		}
		return Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: answer: %w", r.Method, path(target), credentials.Explain(err, "server"))
	}
	if res.StatusCode == http.StatusUnauthorized {
		l.tokens.forget()
	}
	return Answer{res.StatusCode, res.Header, redacted(body, secrets)}, nil
}

// unwrap leaves out the URL, which stands in the message already and may hold a key.
func unwrap(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// path is a URL without its query, which may hold a key.
func path(target string) string {
	p, _, _ := strings.Cut(target, "?")
	return p
}

// Err says in words that an answer is not the one hoped for. 408, 425, 429 and
// 5xx may be better later, and 401 and 403 when a person has looked: they are an
// *agent.RetryError, with the pause the server asks for. All others are not.
func (a Answer) Err(what string) error {
	err := fmt.Errorf("%s: status %d%s", what, a.Status, a.excerpt())
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return &agent.RetryError{Err: fmt.Errorf("%w; check what the gateway proves itself with", err), After: time.Minute}
	case a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status == http.StatusTooManyRequests, a.Status >= 500:
		return &agent.RetryError{Err: err, After: a.after()}
	}
	return err
}

// Misled tells whether the server says that it is not it, or not there, who takes
// such a request: it has surely done nothing, and will do nothing until a person
// has looked.
func (a Answer) Misled() bool {
	switch a.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusGone, http.StatusUnsupportedMediaType,
		http.StatusProxyAuthRequired, http.StatusMisdirectedRequest:
		return true
	}
	return a.Status >= 300 && a.Status < 400 || a.Status == http.StatusBadRequest && a.Page()
}

// Page tells whether an answer is a page for people: no platform speaks so to a
// gateway, but proxies and the login pages of networks do.
func (a Answer) Page() bool {
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/html")
}

// longestPause is how long a server may put a gateway off.
const longestPause = time.Hour

// after reads Retry-After: seconds, or a date.
func (a Answer) after() time.Duration {
	text := a.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), longestPause)
	}
	return 0
}

// shown is how much of an answer an error shows.
const shown = 200

func (a Answer) excerpt() string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(a.Body[:min(len(a.Body), shown)]), "")), " ")
	if text == "" {
		return ""
	}
	return ": " + text
}

// Close ends all connections, and what is under way with them: who stops does not
// wait for a server that does not answer.
func (l *Link) Close() error {
	l.end()
	l.client.CloseIdleConnections()
	return nil
}
