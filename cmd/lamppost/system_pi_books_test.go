//go:build system

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
)

// witnessed returns all keys the witness heard were accepted. The last word
// before a power cut may be torn: it does not count.
func (p *pi) witnessed(t *testing.T) map[piKey]bool {
	t.Helper()
	log, err := os.ReadFile(p.m.WitnessLog())
	require.NoError(t, err)
	accepted := make(map[piKey]bool)
	begin := 0
	for _, end := range append(p.ends[:len(p.ends):len(p.ends)], int64(len(log))) {
		said := string(log[begin:end])
		begin = int(end)
		said = said[:strings.LastIndex(said, "\n")+1]
		for line := range strings.Lines(said) {
			var what, epoch string
			var from, to uint64
			n, err := fmt.Sscanf(line, "%s %s %d-%d\n", &what, &epoch, &from, &to)
			require.NoErrorf(t, err, "witness %q, %d fields", line, n)
			for seq := from; what == "accepted" && seq <= to; seq++ {
				accepted[piKey{epoch, seq}] = true
			}
		}
	}
	return accepted
}

// piBooks says where what the witness saw accepted is.
type piBooks struct{ accepted, received, waiting, ledgered, lost int }

func (b piBooks) String() string {
	return fmt.Sprintf("%d witnessed = %d received + %d waiting + %d ledgered + %d LOST", b.accepted, b.received, b.waiting, b.ledgered, b.lost)
}

// books looks for all keys the witness saw. What the agent says of a key is
// asked before the city is: it cannot fall in between.
func (p *pi) books(t *testing.T) piBooks {
	t.Helper()
	accepted, waiting, ledgered := p.witnessed(t), p.waiting(t), p.ledgered(t)
	time.Sleep(500 * time.Millisecond) // what the broker has is on its way to us
	received := p.city.keys()
	b := piBooks{accepted: len(accepted)}
	for key := range accepted {
		switch {
		case received[key]:
			b.received++
		case waiting[key]:
			b.waiting++
		case ledgered(key):
			b.ledgered++
		default:
			b.lost++
		}
	}
	return b
}

// waiting returns the keys of what waits.
func (p *pi) waiting(t *testing.T) map[piKey]bool {
	t.Helper()
	keys := make(map[piKey]bool)
	lines := bufio.NewScanner(strings.NewReader(p.shell(t, "lamppost buffer export --json")))
	for lines.Scan() {
		var o exported
		require.NoErrorf(t, json.Unmarshal(lines.Bytes(), &o), "%s", lines.Text())
		keys[piKey{o.Epoch.String(), o.Seq}] = true
	}
	require.NoError(t, lines.Err())
	return keys
}

// ledgered returns a function that finds a key in a loss of the ledger. A
// window is no excuse: what is in it was never accepted.
func (p *pi) ledgered(t *testing.T) func(piKey) bool {
	t.Helper()
	var losses []agent.Notice
	lines := bufio.NewScanner(strings.NewReader(p.shell(t, "lamppost buffer ledger --json")))
	for lines.Scan() {
		var n agent.Notice
		require.NoErrorf(t, json.Unmarshal(lines.Bytes(), &n), "%s", lines.Text())
		if n.Kind == agent.NoticeLoss {
			losses = append(losses, n)
		}
	}
	require.NoError(t, lines.Err())
	return func(key piKey) bool {
		for _, n := range losses {
			if len(n.Ranges) == 0 && n.Epoch.String() == key.epoch && n.From <= key.seq && key.seq <= n.To {
				return true
			}
			for _, r := range n.Ranges {
				if n.Epoch.String() == key.epoch && r.From <= key.seq && key.seq <= r.To {
					return true
				}
			}
		}
		return false
	}
}
