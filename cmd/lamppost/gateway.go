package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/clock"
	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/sync/uplink"
)

// lastCall is how long a gateway that stops waits for the cities to get what
// was just observed.
const lastCall = 1500 * time.Millisecond

// A gateway is everything wired together.
type gateway struct {
	cfg     *config.Config
	log     *slog.Logger
	started time.Time
	host    drivers.Host
	clock   *clock.Clock
	buffer  *buffer.Buffer
	agent   *agent.Agent
	uplinks []*uplink.Uplink // as cfg.Cities
	socket  net.Listener
	lock    *os.File

	lastCall time.Duration // how long run waits for the cities when it stops
	patient  bool          // also for those that are away
}

// newGateway takes what a gateway needs: the hardware for itself, the buffer,
// the control socket.
func newGateway(cfg *config.Config, witness io.Writer, log *slog.Logger) (*gateway, error) {
	g := &gateway{cfg: cfg, log: log, started: time.Now(), lastCall: lastCall}
	board, err := cfg.FindBoard(catalog)
	if err != nil {
		return nil, err
	}
	g.host = board.Open()
	if g.lock, err = lockHardware(cfg.Path); err != nil {
		return nil, err
	}
	if err := g.openBuffer(witness); err != nil {
		return nil, errors.Join(err, g.lock.Close())
	}
	g.wires(board)
	if g.socket, err = control.Listen(socketPath(cfg)); err != nil {
		return nil, errors.Join(err, g.close())
	}
	g.clock = clock.New(g.buffer.Boot(), g.buffer.Known(), os.DirFS("/"))
	g.tick()
	g.agent = &agent.Agent{Thing: cfg.Thing.ID, Recorder: g.buffer, Clock: g.clock, Log: log}
	for _, s := range cfg.Sensors {
		c, err := sensorConfig(s, g.host, board.Simulated)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sensor %q: %w", s.Name, err), g.socket.Close(), g.close())
		}
		g.agent.Sensors = append(g.agent.Sensors, c)
	}
	for _, c := range cfg.Cities {
		g.uplinks = append(g.uplinks, &uplink.Uplink{
			Queue: g.buffer.Cursor(c.Name), Dial: c.Dial, Rate: c.Rate, Describe: g.describe,
			Target: uplink.Target{Thing: cfg.Thing, City: c.Name, Ack: c.Ack, Dir: cfg.Buffer.Dir, Log: log.With("city", c.Name)},
		})
	}
	return g, nil
}

// wires tells the buses where their wires are. One that cannot be freed works as
// well as any other: what is wrong is said, and the agent starts.
func (g *gateway) wires(board boards.Board) {
	if board.Simulated {
		return // nothing holds its wires
	}
	for _, b := range g.cfg.Buses {
		log := g.log.With("bus", b.Name)
		if board.Wires == nil {
			log.Warn("the bus cannot be freed when a part holds it: this board cannot give the wires back to the controller", "board", board.Name)
			continue
		}
		bus, err := g.host.I2C(b.Name)
		var wires i2cbus.Wires
		if err == nil {
			wires, err = board.Wires(b.SCL, b.SDA)
		}
		if err != nil {
			log.Warn("the bus cannot be freed when a part holds it", "err", err)
			continue
		}
		bus.RecoverBy(wires)
	}
}

func (g *gateway) openBuffer(witness io.Writer) error {
	b := g.cfg.Buffer
	o := buffer.Options{
		Dir: b.Dir, Thing: g.cfg.Thing.ID, CommitEvery: b.CommitEvery, Strict: b.Durability == "strict",
		MaxSize: int64(b.MaxSize), MinFree: int64(b.MinFree), WriteBudget: int64(b.WriteBudget), BootID: bootID(), Witness: witness, Log: g.log,
	}
	for _, c := range g.cfg.Cities {
		o.Cities = append(o.Cities, buffer.City{Name: c.Name, From: c.From})
	}
	var err error
	g.buffer, err = buffer.Open(o)
	return err
}

// bootID returns the kernel's name for this boot, or "".
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it every start is a boot
	return strings.TrimSpace(string(id))
}

// sensorConfig makes a sensor and tells the agent about it.
func sensorConfig(s config.Sensor, host drivers.Host, simulated bool) (agent.SensorConfig, error) {
	c := agent.SensorConfig{Name: s.Name, Driver: s.Driver, Every: s.Every, Phase: s.Phase}
	if simulated {
		c.Quality = agent.Simulated
	}
	c.Streams = s.Streams
	if len(s.Steps) > 0 {
		c.Process = s.Steps
	}
	var err error
	c.Sensor, err = s.Open(host)
	return c, err
}

// describe adds to a heartbeat what only the gateway knows.
func (g *gateway) describe(h *agent.Heartbeat) {
	h.Version = version().Version
	h.Uptime = int64(time.Since(g.started).Seconds())
	h.Clock = g.clock.State().String()
}

// run works until ctx is done. Then it stops in the order of the way of an
// observation, so that nothing is lost between two stops.
func (g *gateway) run(ctx context.Context) error {
	// What serves outlives what observes.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := control.Serve(serving, g.socket, g.handler(), g.log); err != nil {
			g.log.Error("control socket", "err", err)
		}
	})
	for _, u := range g.uplinks {
		wg.Go(func() { u.Run(serving) })
	}
	wg.Go(func() { g.follow(serving) })
	events := newScenario(g.host, g.cfg.Events)
	wg.Go(func() { events.run(ctx, g.log) })
	err := g.agent.Run(ctx)
	g.drain()
	stop()
	wg.Wait()
	return errors.Join(err, g.close())
}

// tickEvery is how often the buffer hears of the clock.
const tickEvery = time.Second

// follow tells the buffer what the clock says until ctx is done.
func (g *gateway) follow(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.tick()
		}
	}
}

// tick tells the buffer what the clock says. What is observed while it shows what
// cannot be is kept back for a time: the clock is usually set soon.
func (g *gateway) tick() {
	g.buffer.Tick(clock.Monotonic(), g.clock.Start())
	g.buffer.Hold(g.clock.State() == clock.Impossible && time.Since(g.started) < g.cfg.Buffer.ClockHold)
}

// drain waits until the cities have everything, or the time is over.
func (g *gateway) drain() {
	end := time.Now().Add(g.lastCall)
	for time.Now().Before(end) && !g.drained() {
		time.Sleep(10 * time.Millisecond)
	}
}

// drained tells whether no city that is waited for lacks anything.
func (g *gateway) drained() bool {
	books := g.books()
	for i, c := range g.cfg.Cities {
		if (g.patient || g.uplinks[i].Status().Connected) && (books[c.Name].Waiting > 0 || g.buffer.Stats().Pending > 0) {
			return false
		}
	}
	return true
}

func (g *gateway) books() map[string]buffer.CityStats {
	all := make(map[string]buffer.CityStats)
	for _, c := range g.buffer.Stats().Cities {
		all[c.Name] = c
	}
	return all
}

func (g *gateway) close() error { return errors.Join(g.buffer.Close(), g.lock.Close()) }

// lockHardware keeps two commands with one configuration from using the same
// sensors at a time.
func lockHardware(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: in use by another lamppost; stop it first", path), f.Close())
	}
	return f, nil
}

// socketPath returns where the agent of a configuration listens.
func socketPath(cfg *config.Config) string {
	if cfg.Buffer.Dir == config.DefaultDir {
		return filepath.Join("/run/lamppost", control.SocketName)
	}
	return filepath.Join(cfg.Buffer.Dir, control.SocketName)
}
