package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

// readTimeout is how long a sensor may take.
const readTimeout = 10 * time.Second

func readCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "read [sensor ...]",
		Short: "read sensors now and print what they say",
		Long: `Read takes one reading of the named sensors, or of all that are configured, and
prints it: for the technician who wants to know whether the wiring is right
before closing the cabinet.

While the agent runs, it is asked to read: then the readings are recorded as any
other. Else read uses the hardware itself, and stores and sends nothing.`,
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := config.Load(*path, catalog)
		if err != nil {
			return err
		}
		names, err := pick(cfg, args)
		if err != nil {
			return err
		}
		var got readings
		query := url.Values{"sensor": names}
		err = control.NewClient(socketPath(cfg)).Get(cmd.Context(), "/read?"+query.Encode(), &got)
		if errors.Is(err, control.ErrNotRunning) {
			got, err = readHardware(cmd.Context(), cfg, names)
		}
		if err != nil {
			return err
		}
		show := showReadings
		if *asJSON {
			show = showReadingsJSON
		}
		for _, note := range got.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), note)
		}
		return errors.Join(show(cmd.OutOrStdout(), got.Readings), got.err())
	}
	return cmd
}

// pick returns the named sensors, or all if none is.
func pick(cfg *config.Config, names []string) ([]string, error) {
	var all []string
	for _, s := range cfg.Sensors {
		all = append(all, s.Name)
	}
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no sensor %q is configured", name)
		}
	}
	return names, nil
}

// readHardware reads sensors without an agent.
func readHardware(ctx context.Context, cfg *config.Config, names []string) (readings, error) {
	board, err := cfg.FindBoard(catalog)
	if err != nil {
		return readings{}, err
	}
	lock, err := lockHardware(cfg.Path)
	if err != nil {
		return readings{}, err
	}
	defer lock.Close()
	host := board.Open()
	sensors := make(map[string]agent.SensorConfig)
	wrong := make(map[string]error)
	for _, s := range cfg.Sensors {
		if slices.Contains(names, s.Name) {
			sensors[s.Name], wrong[s.Name] = sensorConfig(s, host, board.Simulated)
		}
	}
	newScenario(host, cfg.Events)
	return readAll(names, func(name string) ([]agent.Observation, error) {
		if err := wrong[name]; err != nil {
			return nil, err
		}
		return readOnce(ctx, sensors[name])
	}), nil
}

// readOnce reads a sensor and closes it.
func readOnce(ctx context.Context, c agent.SensorConfig) (obs []agent.Observation, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	defer func() { err = errors.Join(err, c.Sensor.Close()) }()
	now := time.Now()
	results, err := c.Sensor.Observe(ctx, nil)
	for i, r := range results {
		if r.Time.IsZero() {
			results[i].Time = now
		}
	}
	if c.Process != nil {
		results = c.Process.Process(results)
	}
	for _, r := range results {
		i := slices.IndexFunc(c.Streams, func(ds agent.Datastream) bool { return ds.Property == r.Property })
		if i < 0 {
			continue
		}
		obs = append(obs, agent.Observation{
			Datastream: &c.Streams[i], Time: r.Time.UTC().Truncate(time.Millisecond),
			Value: agent.Round(r.Value, c.Streams[i].Resolution), Quality: r.Quality | c.Quality,
		})
	}
	return obs, err
}

func showReadings(out io.Writer, all []reading) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Sensor, r.Property, strconv.FormatFloat(r.Value, 'f', int(r.Decimals), 64), r.Unit, r.Quality)
	}
	return w.Flush()
}

func showReadingsJSON(out io.Writer, all []reading) error {
	enc := json.NewEncoder(out)
	for _, r := range all {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
