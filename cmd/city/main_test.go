package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/sync/senml"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

func TestUsage(t *testing.T) {
	for name, tt := range map[string]struct {
		args string
		code int
		want string // on standard error
	}{
		"nothing":          {"", 2, "city: no command; want run or verify; see city --help\n"},
		"unknown verb":     {"walk", 2, "city: unknown argument \"walk\"; see city --help\n"},
		"unknown flag":     {"run --verbose", 2, "city: unknown flag: --verbose; see city run --help\n"},
		"argument":         {"verify x", 2, "city: unknown argument \"x\"; see city verify --help\n"},
		"no store":         {"verify", 2, "city: verify: no --store; name the file of city run --store\n"},
		"store not there":  {"verify --store /nowhere", 1, "city: verify: open /nowhere: no such file or directory\n"},
		"open to everyone": {"run --listen 0.0.0.0:1883", 2, "city: run: --listen 0.0.0.0:1883: open to the network; give --cert-file, --key-file, --username and --password-file\n"},
		"halves":           {"run --listen x --username u --cert-file c", 2, "city: run: --username and --password-file belong together\ncity: run: --cert-file and --key-file belong together\ncity: run: --listen x: want host:port\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer

			code := run(t.Context(), strings.Fields(tt.args), &out, &errOut)

			assert.Equal(t, tt.code, code)
			assert.Equal(t, tt.want, errOut.String())
			assert.Empty(t, out.String())
		})
	}
	var out, errOut bytes.Buffer
	assert.Zero(t, run(t.Context(), []string{"--help"}, &out, &errOut))
	assert.Contains(t, out.String(), "verify")
}

func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	var out, errOut bytes.Buffer

	code := run(t.Context(), []string{"run", "--listen", ln.Addr().String()}, &out, &errOut)

	assert.Equal(t, 1, code)
	assert.Contains(t, errOut.String(), "stop the other broker or choose another --listen")
}

// A log is written by the city and read by the test.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) find(re string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := regexp.MustCompile(re).FindStringSubmatch(l.text.String()); m != nil {
		return m[1]
	}
	return ""
}

func TestRunAndVerify(t *testing.T) {
	dir := t.TempDir()
	store, password := filepath.Join(dir, "store"), filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte("s3cret\n"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var errOut log
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"run", "--listen", "127.0.0.1:0", "--store", store, "--username", "u", "--password-file", password}, &errOut, &errOut)
	}()
	var address string
	require.Eventually(t, func() bool {
		address = errOut.find(`address=(\S+)`)
		return address != ""
	}, 10*time.Second, time.Millisecond)
	p, err := senml.Protocol.Configure(func(s any) error {
		p := s.(*senml.Settings)
		p.URL, p.Username, p.PasswordFile = "mqtt://"+address, "u", password
		return nil
	})
	require.NoError(t, err)
	g, err := p.Dial(t.Context(), uplink.Target{Thing: agent.Thing{ID: "lamp-042"}, Ack: p.Acks[0]})
	require.NoError(t, err)
	air := &agent.Datastream{Name: "a/airTemperature", Property: agent.AirTemperature}
	publish := func(seqs ...uint64) {
		b := agent.Batch{Epoch: 1}
		for _, s := range seqs {
			b.Observations = append(b.Observations, agent.Observation{Seq: s, Datastream: air})
		}
		require.NoError(t, g.Publish(t.Context(), b))
	}

	code1, out, _ := verifyNow(t, store)
	assert.Equal(t, 1, code1, "nothing received yet")
	assert.Contains(t, out, "THING")
	publish(1, 2, 4)
	require.NoError(t, g.Notify(t.Context(), []agent.Notice{{Kind: agent.NoticeHeartbeat, Epoch: 1, Heartbeat: &agent.Heartbeat{Since: 1, AcceptedTo: 4}}}))
	code1, out, errText := verifyNow(t, store)
	assert.Equal(t, 1, code1)
	assert.Contains(t, out, "3-3")
	assert.Equal(t, "city: verify: lamp-042: epoch 0000000000000001: NOT CLOSED: 1 lost without a word\n", errText)
	publish(3, 4)
	code1, out, errText = verifyNow(t, store, "--json")
	assert.Zero(t, code1)
	assert.Empty(t, errText)
	assert.JSONEq(t, `[{"thing":"lamp-042","closed":true,"epochs":[{"epoch":"0000000000000001","since":1,"accepted_to":4,
		"received":4,"duplicates":1,"ledgered":0,"windowed":0,"waiting":0,"missing":[],"lost":0,"closed":true,"verdict":"closed"}]}]`, out)

	require.NoError(t, g.Close())
	stop()
	assert.Zero(t, <-code)
	assert.Equal(t, "4", errOut.find(`msg=received thing=lamp-042 distinct=(\d+) duplicates=1`))
}

func verifyNow(t *testing.T, store string, flags ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"verify", "--store", store}, flags...), &o, &e)
	return code, o.String(), e.String()
}

func TestMissing(t *testing.T) {
	assert.Equal(t, "none", missing(nil))
	ranges := manyRanges(7)
	assert.Equal(t, "10-11 20-21 30-31 40-41 50-51 and 2 more", missing(ranges))
	assert.Equal(t, "10-11", missing(ranges[:1]), fmt.Sprint(ranges))
}

func manyRanges(n uint64) (all []desk.Range) {
	for i := range n {
		all = append(all, desk.Range{From: (i + 1) * 10, To: (i+1)*10 + 1})
	}
	return all
}
