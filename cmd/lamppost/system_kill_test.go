//go:build system

package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kills is how often the agent is killed, unless LAMPPOST_KILLS says otherwise.
const kills = 200

// TestSystemKills kills the agent at random instants while the city comes and
// goes, and checks the promise each time.
func TestSystemKills(t *testing.T) {
	n := kills
	if text := os.Getenv("LAMPPOST_KILLS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	binary := program(t, "cmd/lamppost")
	w, city, dir, err := killLoop(t, binary, n)
	require.NoError(t, err)

	// In the end the city comes back and gets everything; its own books close.
	require.NoError(t, city.Back())
	p := start(t, binary, filepath.Join(dir, "lamppost.toml"), w)
	time.Sleep(5 * time.Second)
	p.end(os.Interrupt) // the last heartbeat tells how the books stand
	books := city.Books("lamp-042")
	require.Truef(t, books.Closed, "the city's books close: %+v", books)
	require.Zero(t, books.Epochs[0].Waiting)
	require.NoError(t, promise(t, w, filepath.Join(dir, "buffer"), city.Received("lamp-042").Epochs))
	got := city.Received("lamp-042")
	account := city.Books("lamp-042").Epochs[0]
	t.Logf("%d kills: %d accepted by the witness, %d at the city, %d duplicates, %d gaps in windows; %s",
		n, size(w.accepted), got.Distinct, got.Duplicates, len(w.gaps), account.Verdict)
	assert.Greater(t, len(w.gaps), n/3, "most kills were unclean stops")
}

// TestSystemMutants shows that the kill loop notices a broken promise.
func TestSystemMutants(t *testing.T) {
	binary := program(t, "cmd/lamppost", "-tags", "mutant")
	for _, name := range []string{"skip-flush", "ack-before-flush", "forget-window"} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := killLoop(t, binary, 40, "LAMPPOST_MUTANT="+name)
			require.Error(t, err, "a mutant of the promise passes")
			t.Log(err)
		})
	}
}

func size(k keys) (n int) {
	for _, set := range k {
		n += len(set)
	}
	return n
}

// killLoop runs and kills an agent n times. Its error says how the promise was
// broken.
func killLoop(t *testing.T, binary string, n int, env ...string) (*witness, *desk.City, string, error) {
	dir := t.TempDir()
	city, err := desk.Open(desk.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { city.Close() })
	config := gatewayConfig(t, dir, city.Addr(), 40)
	w := newWitness()
	away := false
	toggle := func() {
		if rand.IntN(2) == 0 {
			return
		}
		if away = !away; away {
			require.NoError(t, city.Away())
		} else {
			require.NoError(t, city.Back())
		}
	}
	for range n {
		p := start(t, binary, config, w, env...)
		time.Sleep(rand.N(600 * time.Millisecond))
		toggle()
		time.Sleep(rand.N(600 * time.Millisecond))
		p.end(os.Kill)
		if err := promise(t, w, filepath.Join(dir, "buffer"), city.Received("lamp-042").Epochs); err != nil && size(w.recorded) > 0 {
			return w, city, dir, err
		}
	}
	if away {
		return w, city, dir, nil
	}
	return w, city, dir, city.Away()
}
