//go:build system

package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of a child.
const (
	timeLimit   = 30 * time.Second
	memoryLimit = 256 << 10 // KiB
)

// A bench runs writers and verifiers on one directory, one after the other.
type bench struct {
	binary string              // a test binary of this package
	run    map[string][]string // command lines of roles that are not the binary alone
	env    []string
	cities []string
	seed   uint64
	clock  int64
	writer job // what is the same for all writers
}

// newBench returns a bench of this binary.
func newBench() *bench {
	return &bench{
		binary: os.Args[0], cities: []string{"town", "lake"}, seed: uint64(time.Now().UnixNano()), clock: 1_700_000_000_000,
		writer: job{Pause: 50 * time.Microsecond},
	}
}

// A process is a child that runs.
type process struct {
	cmd    *exec.Cmd
	log    bytes.Buffer
	heard  sync.WaitGroup
	report string
}

// start starts a job. Each of its lines is given to hear as it comes.
func (b *bench) start(j job, hear func(string)) (*process, error) {
	b.clock += 1_000_000_000 // the instants of the next job are after all of this one's
	j.Cities, j.Seed, j.Clock, j.Started = b.cities, b.seed, b.clock, time.Now().UnixNano()
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	args := b.run[j.Role]
	if args == nil {
		args = []string{b.binary}
	}
	p := &process{cmd: exec.Command(args[0], args[1:]...)}
	p.cmd.Env = append(append(os.Environ(), b.env...), jobKey+"="+string(text))
	p.cmd.Stderr = &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.heard.Go(func() {
		for r := bufio.NewReaderSize(out, 1<<16); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return // what has no end was cut off
			}
			if report, ok := strings.CutPrefix(line, "report "); ok {
				p.report = report
				continue
			}
			hear(line)
		}
	})
	return p, nil
}

// kill kills the process, and those it has started itself.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
}

// end waits until the process has ended and all it said is heard. It is killed
// after a time, and if it takes too much memory; its error says so.
func (p *process) end(after time.Duration) error {
	done := make(chan struct{})
	var watch sync.WaitGroup
	var cause error
	watch.Go(func() {
		limit := time.After(after)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-limit:
				cause = fmt.Errorf("ended after %v", after)
				p.kill()
				return
			case <-tick.C:
				if kib := resident(p.cmd.Process.Pid); kib > memoryLimit {
					cause = fmt.Errorf("ended with %d MiB", kib>>10)
					p.kill()
					return
				}
			}
		}
	})
	p.heard.Wait()
	err := p.cmd.Wait()
	close(done)
	watch.Wait()
	return errors.Join(cause, err)
}

// resident returns the VmRSS of a process in KiB, or 0.
func resident(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(f[0]) // it is the kernel's
	return n
}

// verify runs a verifier in a directory. What it says counts as claimed. An
// error is a finding: it did not come to its end.
func (b *bench) verify(dir string, c *Claims, unclean bool) (r Report, err error) {
	p, err := b.start(job{Role: "verify", Dir: dir, Unclean: unclean}, c.Line)
	if err != nil {
		return r, err
	}
	if err := p.end(timeLimit); err != nil {
		text := p.log.String()
		return r, fmt.Errorf("the verifier: %w: %s", err, text[max(0, len(text)-2000):])
	}
	if err := json.Unmarshal([]byte(p.report), &r); err != nil {
		return r, fmt.Errorf("the verifier's report: %w", err)
	}
	return r, nil
}
