package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/city/desk"
	"github.com/lamppost-city/lamppost/cmd/city/platforms"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers/sim"
	"github.com/spf13/cobra"
	"periph.io/x/conn/v3/gpio"
)

//go:embed demo.toml
var demoConfig string

// demoDrain is how long the demo waits for the city to get everything.
const demoDrain = 30 * time.Second

// demoRetry is how long the gateway waits at most until it looks for the city
// again: in the field a minute, here nobody wants to wait.
const demoRetry = 2 * time.Second

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show a simulated gateway and a city on this desk",
		Long: `Demo runs a gateway with simulated sensors and a city in one process, with a real
connection between them on the loopback. In the middle the city goes away for a time:
what was observed meanwhile waits on disk and is delivered when it is back. At
the end there is a receipt: what the gateway accepted, and what the city counted
by itself.`,
		Args: noArgs,
	}
	protocol := cmd.Flags().String("protocol", "senml", "how the city is spoken to: see lamppost list protocols")
	length := cmd.Flags().Duration("for", 60*time.Second, "how long to observe")
	outage := cmd.Flags().Duration("outage", 20*time.Second, "how long the city is away in the middle")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *length < time.Second || *outage < 0 || *outage > *length {
			return usageError{errors.New("want --for of a second or more and --outage within it")}
		}
		platform, err := platforms.Find(*protocol)
		if err != nil {
			return usageError{err}
		}
		return demo(cmd.Context(), cmd.OutOrStdout(), platform, *length, *outage, *asJSON)
	}
	return cmd
}

// receipt is what a demo ends with.
type receipt struct {
	Accepted   uint64 `json:"accepted"`
	Pending    uint64 `json:"pending"`
	Delivered  uint64 `json:"delivered"`
	Waiting    uint64 `json:"waiting"`
	Ledgered   uint64 `json:"ledgered"`
	Received   uint64 `json:"received"` // distinct keys, counted by the city
	Duplicates uint64 `json:"duplicates"`
}

// demo runs the whole way for a time.
func demo(ctx context.Context, out io.Writer, platform desk.Platform, length, outage time.Duration, asJSON bool) error {
	dir, err := os.MkdirTemp("", "lamppost-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	city, err := desk.Open(desk.Options{Platform: platform, Listen: "127.0.0.1:0", Log: discardLog()})
	if err != nil {
		return fmt.Errorf("city: %w", err)
	}
	defer city.Close()
	g, err := demoGateway(dir, city)
	if err != nil {
		return err
	}
	g.lastCall, g.patient = demoDrain, true
	for _, u := range g.uplinks {
		u.MaxDelay = demoRetry
	}

	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { world(ctx, g.host.(*sim.Host)) })
	wg.Go(func() { visit(ctx, city, (length-outage)/2, outage) })
	v := &view{out: out, asJSON: asJSON, gateway: g, city: city, start: time.Now(), terminal: isTerminal(out) && !asJSON}
	watching, watched := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { v.run(watching) })
	err = g.run(ctx)
	watched()
	wg.Wait()
	if err != nil {
		return err
	}
	return settle(out, dir, city, g, asJSON)
}

// demoGateway returns the gateway of demo.toml, with a city on this desk.
func demoGateway(dir string, city *desk.City) (*gateway, error) {
	reach, err := city.Configuration(dir)
	if err != nil {
		return nil, err
	}
	text := strings.Replace(demoConfig, "[[city]]", "[[city]]\n"+reach, 1)
	text = strings.Replace(text, "[[sensor]]", fmt.Sprintf("[buffer]\ndir = %q\n\n[[sensor]]", filepath.Join(dir, "buffer")), 1)
	path := filepath.Join(dir, "demo.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, catalog)
	if err != nil {
		return nil, err
	}
	return newGateway(cfg, nil, discardLog())
}

// visit takes the city away for a time.
func visit(ctx context.Context, city *desk.City, after, outage time.Duration) {
	if outage == 0 || !wait(ctx, after) {
		return
	}
	if err := city.Away(); err != nil {
		return // it stays: the receipt will show
	}
	wait(ctx, outage)
	_ = city.Back() // likewise
}

// world moves what nothing simulated moves by itself: rain falls, a door opens.
func world(ctx context.Context, host *sim.Host) {
	rain, door := host.SimLine("GPIO17"), host.SimLine("GPIO27")
	for i := 1; wait(ctx, 400*time.Millisecond); i++ {
		rain.Pulse()
		if i%20 == 0 {
			door.Set(gpio.Level(i%40 == 0))
		}
	}
}

// wait waits and tells whether there is still something to do.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// settle prints the receipt: the gateway's books as they are on flash beside
// what the city counted.
func settle(out io.Writer, dir string, city *desk.City, g *gateway, asJSON bool) error {
	b, err := buffer.Inspect(filepath.Join(dir, "buffer"))
	if err != nil {
		return err
	}
	s := b.Stats()
	if err := b.Close(); err != nil {
		return err
	}
	got := city.Received(g.cfg.Thing.ID)
	r := receipt{
		Accepted: s.Accepted, Pending: s.Pending, Delivered: s.Cities[0].Delivered, Waiting: s.Cities[0].Waiting,
		Ledgered: s.Cities[0].Ledgered, Received: got.Distinct, Duplicates: got.Duplicates,
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "\nreceipt\n  the gateway accepted %d observations: %d delivered + %d waiting + %d ledgered\n",
			r.Accepted, r.Delivered, r.Waiting, r.Ledgered)
		fmt.Fprintf(out, "  the city counted     %d different ones, and %d twice\n", r.Received, r.Duplicates)
	}
	if r.Accepted != r.Received || r.Ledgered != 0 || r.Pending != 0 {
		return errors.New("the receipt does not add up")
	}
	return nil
}
