package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/boards"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/lamppost-city/lamppost/drivers"
	"github.com/lamppost-city/lamppost/drivers/gpioline"
	"github.com/lamppost-city/lamppost/drivers/i2cbus"
	"github.com/lamppost-city/lamppost/drivers/scan"
	"github.com/spf13/cobra"
)

func scanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "find what is on the buses and how to configure it",
		Long: `Scan looks at the I2C buses, behind multiplexers too, says what is there and
how sure that is, and prints the tables that read it. It also lists the lines.

It only reads, and leaves alone what the kernel or a configured sensor of a
running agent uses. Some parts notice a read all the same, so it is for a person
at the cabinet. Bus 0 and those of displays and of the computer itself are
scanned only if they are named.

While the agent runs, it is asked to scan, so that both share the bus.`,
		Args: noArgs,
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd)
	buses := cmd.Flags().StringSlice("bus", nil, "scan this `bus` only, whatever it is for")
	write := cmd.Flags().Bool("write", false, "append what is found to the configuration")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := scanConfig(*path)
		if err != nil {
			return err
		}
		found, err := scanAsk(cmd.Context(), cfg, *buses)
		if err != nil {
			return err
		}
		tables := found.tables(cfg)
		if *asJSON {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(found)
		} else {
			err = found.show(cmd.OutOrStdout(), tables, *write)
		}
		if *write {
			err = firstOf(err, appendTables(cmd.ErrOrStderr(), *path, tables))
		}
		return firstOf(err, found.err())
	}
	return cmd
}

// scanConfig reads the configuration, if there is one. That no sensor is
// configured yet is why people scan.
func scanConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path, catalog)
	switch {
	case errors.Is(err, os.ErrNotExist) && path == config.DefaultPath:
		cfg = &config.Config{Path: path, Board: config.AutoBoard}
		cfg.Buffer.Dir = config.DefaultDir
		return cfg, nil
	case err != nil && cfg != nil && len(cfg.Sensors) == 0 && !strings.Contains(err.Error(), "\n"):
		return cfg, nil
	}
	return cfg, err
}

// findings are what a scan says.
type findings struct {
	Buses []scan.Bus      `json:"buses"`
	Lines []gpioline.Info `json:"lines"`
	Note  string          `json:"note,omitempty"` // why there may be more lines
}

// err returns what went wrong, one a line, or nil.
func (f *findings) err() error {
	var errs []error
	for _, b := range f.Buses {
		if b.Err != "" {
			errs = append(errs, fmt.Errorf("bus %s: %s", b.Bus, b.Err))
		}
	}
	return errors.Join(errs...)
}

// scanAsk has the agent scan, or scans where none runs.
func scanAsk(ctx context.Context, cfg *config.Config, buses []string) (*findings, error) {
	var found findings
	query := url.Values{"bus": buses}
	err := control.NewClient(socketPath(cfg)).Post(ctx, "/scan?"+query.Encode(), &found)
	if !errors.Is(err, control.ErrNotRunning) {
		return &found, err
	}
	board, err := cfg.FindBoard(catalog)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.Path); err == nil {
		lock, err := lockHardware(cfg.Path)
		if err != nil {
			return nil, err
		}
		defer lock.Close()
	}
	return scanHost(ctx, scanned(board, cfg), cfg, buses, nil)
}

// scanned opens the board. On a simulated one, the configured parts are there.
func scanned(board boards.Board, cfg *config.Config) drivers.Host {
	host := board.Open()
	for _, s := range cfg.Sensors {
		if board.Simulated {
			_, _ = s.Open(host) // what does not open is not there
		}
	}
	return host
}

// serveScan scans for a person.
func (g *gateway) serveScan(w http.ResponseWriter, r *http.Request) {
	found, err := scanHost(r.Context(), g.host, g.cfg, r.URL.Query()["bus"], g.inUse())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer(w, found)
}

// inUse says which addresses the agent's sensors have.
func (g *gateway) inUse() func(*i2cbus.Bus, uint16) string {
	type place struct {
		bus     string
		address uint16
	}
	used := make(map[place]string)
	for _, s := range g.cfg.Sensors {
		bus, address, ok := i2cPlace(s)
		if !ok {
			continue
		}
		if b, err := g.host.I2C(bus); err == nil {
			used[place{b.String(), address}] = s.Name
		}
	}
	return func(b *i2cbus.Bus, address uint16) string { return used[place{b.String(), address}] }
}

// scanHost scans the named buses of a host, or those that are for sensors.
func scanHost(ctx context.Context, host drivers.Host, cfg *config.Config, names []string, inUse func(*i2cbus.Bus, uint16) string) (*findings, error) {
	var (
		out findings
		err error
	)
	buses := scan.Adapters(host.FS())
	for _, s := range cfg.Sensors { // a simulated host shows no adapters
		if bus, _, ok := i2cPlace(s); ok && len(buses) == 0 {
			trunk, _, _ := i2cbus.ParsePath(bus) // it was checked
			names = append(names, config.TrunkName(trunk))
		}
	}
	if len(names) > 0 {
		buses = nil
	}
	seen := make(map[string]bool)
	for _, name := range names {
		if !seen[name] {
			buses = append(buses, scan.Bus{Bus: name})
		}
		seen[name] = true
	}
	for _, b := range buses {
		if b.Skipped != "" {
			out.Buses = append(out.Buses, b)
			continue
		}
		out.Buses = append(out.Buses, scan.Scan(ctx, host, scan.Options{Bus: b.Bus, Sensor: inUse})...)
	}
	if l, ok := host.(interface {
		Lines() ([]gpioline.Info, error)
	}); ok {
		if out.Lines, err = l.Lines(); err != nil {
			out.Note = err.Error()
		}
	}
	return &out, ctx.Err()
}
