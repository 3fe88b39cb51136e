// Package faults lets a platform that speaks HTTP go wrong when a test wants it
// to.
package faults

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// A Fault is what happens to one request.
type Fault struct {
	Path   string            // the request's path contains it
	Method string            // "" is any
	Status int               // answered in the platform's place, which does not see the request
	Header map[string]string // of that answer
	Body   string
	After  bool          // the platform does see the request: only its answer is replaced
	Drop   bool          // no answer comes: the connection ends
	Delay  time.Duration // before the platform sees the request
}

// Faults are those to come. The zero value has none. Its methods may be called by
// several goroutines at a time.
type Faults struct {
	mu   sync.Mutex
	next []Fault
	seen []Seen
}

// Seen is a request that came.
type Seen struct {
	Method, URI string
	Header      http.Header
	Body        string
	Status      int // 0 if there was no answer
}

// Add lets the next n requests that fit go wrong.
func (f *Faults) Add(n int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		f.next = append(f.next, fault)
	}
}

// Clear takes back what has not happened.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = nil
}

// Left returns how many have not happened yet.
func (f *Faults) Left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.next)
}

// Requests returns the requests that came and whose method and path fit, and
// forgets them all.
func (f *Faults) Requests(method, path string) (fit []Seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		if s.Method == method && strings.Contains(s.URI, path) {
			fit = append(fit, s)
		}
	}
	f.seen = nil
	return fit
}

func (f *Faults) take(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.next {
		if strings.Contains(r.URL.Path, fault.Path) && (fault.Method == "" || fault.Method == r.Method) {
			f.next = append(f.next[:i:i], f.next[i+1:]...)
			return fault, true
		}
	}
	return Fault{}, false
}

// maxSeen bounds what is remembered for a test.
const maxSeen = 10_000

func (f *Faults) note(r *http.Request, body []byte, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seen) < maxSeen {
		f.seen = append(f.seen, Seen{r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body), status})
	}
}

// Wrap puts the faults before a platform. A nil *Faults has none and remembers
// nothing.
func (f *Faults) Wrap(platform http.Handler) http.Handler {
	if f == nil {
		return platform
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault, wrong := f.take(r)
		if fault.Delay > 0 {
			time.Sleep(fault.Delay)
		}
		answer := httptest.NewRecorder()
		if !wrong || fault.After || fault.Status == 0 && !fault.Drop {
			platform.ServeHTTP(answer, r)
		}
		if fault.Drop {
			f.note(r, body, 0)
			panic(http.ErrAbortHandler)
		}
		if fault.Status != 0 {
			answer = httptest.NewRecorder()
			for k, v := range fault.Header {
				answer.Header().Set(k, v)
			}
			answer.Code = fault.Status
			answer.Body.WriteString(fault.Body)
		}
		f.note(r, body, answer.Code)
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}
