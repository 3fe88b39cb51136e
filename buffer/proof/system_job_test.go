//go:build system

package proof

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/buffer"
)

// jobKey is the environment variable that makes the test binary a writer or a
// verifier.
const jobKey = "LAMPPOST_PROOF_JOB"

// A job is what a child process is to do, as JSON in its environment.
type job struct {
	Role        string // "write" or "verify"
	Dir         string
	Witness     string // file for the lines; "" means standard output
	Cities      []string
	Seed        uint64
	Clock       int64         // milliseconds of the first instant: above those of all jobs before
	Started     int64         // nanoseconds: just before the process was started
	CommitEvery time.Duration // 0 means 2 ms

	// Of a writer:
	Commits  uint64        // stop after; 0 means never
	Unclean  bool          // then end without Close
	Pause    time.Duration // between two instants, on average
	Backlog  bool          // the cities take little
	NoAlarms bool          // which are committed one by one
	Wait     time.Duration // before it opens the buffer
	Tell     bool          // its loss window, now and then

	NoRefusals bool // the cities take everything

	// RefuseEarly makes the cities take at once, and refuse some of what is not on
	// flash yet.
	RefuseEarly bool
}

// TestMain makes the process a child if it is to be one.
func TestMain(m *testing.M) {
	text := os.Getenv(jobKey)
	if text == "" {
		os.Exit(isolated(m))
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		panic(err)
	}
	if err := j.do(); err != nil {
		fmt.Fprintln(os.Stderr, j.Role+":", err)
		os.Exit(1)
	}
}

// do does the job.
func (j job) do() error {
	var out io.Writer = os.Stdout
	if j.Witness != "" {
		f, err := os.OpenFile(j.Witness, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	time.Sleep(j.Wait)
	b, err := buffer.Open(j.options(out))
	if err != nil {
		return err
	}
	switch j.Role {
	case "verify":
		return j.verify(b)
	case "drain":
		return j.drain(b, out)
	}
	if j.Tell {
		go j.tell(b, out)
	}
	return j.write(b, out)
}

// options are those of every process that opens the directory.
func (j job) options(out io.Writer) buffer.Options {
	o := buffer.Options{
		Dir: j.Dir, Thing: thing, CommitEvery: max(j.CommitEvery, 2*time.Millisecond), MinFree: 1, Witness: out,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	for _, name := range j.Cities {
		o.Cities = append(o.Cities, buffer.City{Name: name})
	}
	return o
}
