package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

// memoryLimit is what the runtime tries to stay below.
const memoryLimit = 48 << 20

// stallAfter is how long an uplink or the buffer may show no sign of life
// before the service manager is left to restart the agent.
const stallAfter = 90 * time.Second

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "run the agent until it is told to stop",
		Long: `Run reads the configured sensors, keeps every observation and delivers it to
the configured cities, until it gets SIGTERM or SIGINT.

With --witness it prints a line for each range of numbers it has recorded and
for each it has accepted, as it becomes true: what a test needs to check the
books from outside.`,
		Args: noArgs,
	}
	path := configFlag(cmd)
	witness := cmd.Flags().String("witness", "", "file `descriptor or path` to tell what is recorded and accepted")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, catalog)
		if err != nil {
			return err
		}
		out, err := openWitness(*witness)
		if err != nil {
			return err
		}
		debug.SetMemoryLimit(memoryLimit)
		g, err := newGateway(cfg, out, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		go g.notify(ctx)
		return g.run(ctx)
	}
	return cmd
}

// openWitness opens what --witness names; nothing for "".
func openWitness(name string) (io.Writer, error) {
	if name == "" {
		return nil, nil
	}
	if fd, err := strconv.ParseUint(name, 10, 31); err == nil {
		return os.NewFile(uintptr(fd), "witness"), nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return f, nil
}

// notify tells the service manager that the agent is ready and, while
// sampling, committing and delivering each make progress, that it lives.
func (g *gateway) notify(ctx context.Context) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		g.log.Warn("service manager", "err", err)
	}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if stalled := g.stalled(); stalled != "" {
			g.log.Error("no progress; the service manager is not told that the agent lives", "stage", stalled)
		} else if _, err := daemon.SdNotify(false, daemon.SdNotifyWatchdog); err != nil {
			g.log.Warn("service manager", "err", err)
		}
		select {
		case <-ctx.Done():
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) // it will see
			return
		case <-tick.C:
		}
	}
}

// stalled names a stage that makes no progress, or returns "".
func (g *gateway) stalled() string {
	if !g.agent.Alive() {
		return "sampling"
	}
	if g.buffer.Busy() > stallAfter {
		return "committing"
	}
	for i, u := range g.uplinks {
		if alive := u.Status().Alive; !alive.IsZero() && time.Since(alive) > stallAfter {
			return "delivering to " + g.cfg.Cities[i].Name
		}
	}
	return ""
}
