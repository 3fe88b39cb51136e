//go:build system

package proof

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mutants are the ways to break the promise that the harnesses must notice.
var mutants = []string{"skip-flush", "no-flush", "ack-before-flush", "forget-window", "no-crc"}

// How often a mutant is tried.
const (
	mutantKills  = 40
	mutantStates = 60
	mutantFlips  = 30
)

// TestSystemProofMutants shows that the harnesses notice a broken promise.
func TestSystemProofMutants(t *testing.T) {
	need(t)
	known := knownMutants(t)
	for _, name := range known {
		assert.Containsf(t, mutants, name, "a mutant that no harness is tried with")
	}
	binary := filepath.Join(t.TempDir(), "mutant")
	text, err := exec.Command("go", "test", "-c", "-tags", "system mutant", "-o", binary, ".").CombinedOutput()
	require.NoErrorf(t, err, "%s", text)
	for _, name := range mutants {
		t.Run(name, func(t *testing.T) {
			if _, ok := known[name]; !ok {
				t.Skip("the buffer does not have it")
			}
			begun := time.Now()
			found := tryMutant(t, binary, name)
			noticed := 0
			for harness, err := range found {
				t.Logf("%s: %v", harness, err)
				noticed += lost(err)
			}
			summary(t, result{Name: "mutant " + name, Size: len(found), Lost: noticed, Duration: time.Since(begun).Seconds()})
			assert.NotZero(t, noticed, "a mutant of the promise passes")
		})
	}
}

// tryMutant runs the harnesses with a mutant, and returns what each noticed.
func tryMutant(t *testing.T, binary, name string) map[string]error {
	t.Helper()
	b := newBench()
	b.binary, b.env = binary, []string{"LAMPPOST_MUTANT=" + name}
	found := map[string]error{}
	_, _, found["kills"] = b.kill(t.TempDir(), mutantKills)
	_, found["states"] = b.states(t, b.record(t, sessions...), mutantStates)
	b.writer.Backlog, b.writer.NoAlarms = true, true
	rec := b.record(t, 300)
	for _, err := range b.lie(t, rec, mutantStates, 2).broken {
		if errors.Is(err, ErrMadeUp) { // anything else a lie can bring about
			found["lies"] = err
		}
	}
	m := newMatrix(t, "")
	m.old.binary, m.old.env = b.binary, b.env
	_, _, broken := m.flips(t, mutantFlips)
	found["flips"] = errors.Join(broken...)
	return found
}

var mutantPattern = regexp.MustCompile(`(?m)^\s+\w+\s+= "([a-z-]+)"`)

// knownMutants returns the mutants that the buffer has.
func knownMutants(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "mutants.go"))
	require.NoError(t, err)
	known := map[string]string{}
	for _, m := range mutantPattern.FindAllStringSubmatch(string(source), -1) {
		known[m[1]] = m[1]
	}
	require.NotEmpty(t, known)
	return known
}
