// Report makes RELIABILITY.md of what the harnesses of a proof found: lines of
// JSON on standard input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lamppost-city/lamppost/buffer/proof"
)

func main() {
	if err := report(os.Stdin, os.Stdout, time.Now(), machine()); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// machine says what the proof ran on.
func machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // it may not be told
	return fmt.Sprintf("%s/%s, %d cores, Linux %s, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())
}

const intro = `# What the buffer was put through

Each line is a harness of ` + "`make proof`" + `, which wrote this page. A harness breaks
something while a writer records and cities take, with a witness outside that knows
what was called accepted; then it counts what of that is neither at the city, nor
waiting, nor in the ledger. On an honest disk there must be none. A card that lies
about flushes can lose what it said it had: then the agent must go on, make nothing
up, and save most.

`

// report writes the page.
func report(in io.Reader, out io.Writer, at time.Time, on string) error {
	var lines, mutants []string
	broken := 0
	s := bufio.NewScanner(in)
	for s.Scan() {
		var r proof.Result
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return fmt.Errorf("%q: %w", s.Text(), err)
		}
		if name, ok := strings.CutPrefix(r.Name, "mutant "); ok {
			mutants = append(mutants, fmt.Sprintf("| %s | %d of %d | %.0f s |", name, r.Lost, r.Size, r.Duration))
			if r.Lost == 0 {
				broken++
			}
			continue
		}
		broken += r.Lost
		lines = append(lines, fmt.Sprintf("| %s | %d | %d | %.0f s | %s |", r.Name, r.Size, r.Lost, r.Duration, remarks(r)))
	}
	if err := s.Err(); err != nil {
		return err
	}
	if len(lines) == 0 {
		return fmt.Errorf("no results")
	}
	verdict := "Every promise was kept."
	if broken > 0 {
		verdict = fmt.Sprintf("**%d promises were broken.**", broken)
	}
	_, err := fmt.Fprintf(out, "%s%s, on %s. %s\n\n| harness | tried | broken | took | |\n| --- | --: | --: | --: | --- |\n%s\n",
		intro, at.Format("2 January 2006"), on, verdict, strings.Join(lines, "\n"))
	if err != nil || len(mutants) == 0 {
		return err
	}
	_, err = fmt.Fprintf(out, "\n## Can it fail?\n\nThe same harnesses with an agent that breaks the promise on purpose.\n\n| mutant | noticed by | took |\n| --- | --: | --: |\n%s\n",
		strings.Join(mutants, "\n"))
	return err
}

// remarks says what a result has beside its numbers.
func remarks(r proof.Result) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
		all = append(all, fmt.Sprintf("%s %.6g", strings.ReplaceAll(name, "_", " "), r.Figures[name]))
	}
	if r.Note != "" {
		all = append(all, r.Note)
	}
	return strings.Join(all, ", ")
}
