package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

func bufferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "buffer",
		Short: "look into the buffer",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(bufferStat(), bufferVerify(), bufferExport(), bufferLedger(), bufferForget(), bufferSalvage())
	return cmd
}

// A source says where a command finds the buffer that it reads.
type source struct{ config, from *string }

func sourceFlags(cmd *cobra.Command) source {
	return source{configFlag(cmd), cmd.Flags().String("from", "", "read the buffer in this `folder`, such as that of a card of another gateway")}
}

// read asks the running agent or, if there is none, the buffer's file.
func (s source) read(running func(*control.Client) error, stopped func(*buffer.Buffer) error) error {
	dir := *s.from
	if dir == "" {
		cfg, err := config.Load(*s.config, catalog)
		if err != nil {
			return err
		}
		err = running(control.NewClient(socketPath(cfg)))
		if !errors.Is(err, control.ErrNotRunning) {
			return err
		}
		dir = cfg.Buffer.Dir
	}
	b, err := buffer.Inspect(dir)
	if err != nil {
		return err
	}
	return errors.Join(stopped(b), b.Close())
}

func bufferStat() *cobra.Command {
	cmd := &cobra.Command{Use: "stat", Short: "print how much is where", Args: noArgs}
	from, asJSON := sourceFlags(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var s buffer.Stats
		err := from.read(func(c *control.Client) error { return c.Get(cmd.Context(), "/buffer/stat", &s) },
			func(b *buffer.Buffer) error { s = b.Stats(); return nil })
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "accepted\t%d\npending\t%d\nepoch\t%s\nlog\t%d bytes\nlast stop\t%s\n", s.Accepted, s.Pending, s.Epoch, s.LogBytes, s.LastStop)
		for _, c := range s.Cities {
			fmt.Fprintf(w, "city %s\t%d delivered + %d waiting + %d ledgered = %d\n", c.Name, c.Delivered, c.Waiting, c.Ledgered, c.Accepted)
		}
		return w.Flush()
	}
	return cmd
}

func bufferExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "print what waits, one observation a line",
		Long: `Export prints every observation that some city lacks as one JSON object a line,
in the order of their numbers, with the names of those cities. With --refused it
prints those that a city will never take, with the reasons. It changes nothing.`,
		Args: noArgs,
	}
	from := sourceFlags(cmd)
	refused := cmd.Flags().Bool("refused", false, "what was refused instead of what waits")
	_ = cmd.Flags().Bool("json", true, "print JSON; there is nothing else")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := ""
		if *refused {
			query = "?refused"
		}
		return from.read(func(c *control.Client) error {
			return c.Stream(cmd.Context(), "/buffer/export"+query, cmd.OutOrStdout())
		},
			func(b *buffer.Buffer) error { return export(cmd.OutOrStdout(), b, *refused) })
	}
	return cmd
}

// exported is a waiting observation.
type exported struct {
	Epoch      agent.Epoch `json:"epoch"`
	Seq        uint64      `json:"seq"`
	Datastream string      `json:"datastream"`
	Time       time.Time   `json:"time"`
	Value      float64     `json:"value"`
	Unit       string      `json:"unit"`
	Quality    string      `json:"quality"`
	Cities     []string    `json:"cities,omitempty"` // that lack it
}

// export writes what waits in the buffer, or what was refused.
func export(out io.Writer, b *buffer.Buffer, refused bool) error {
	enc := json.NewEncoder(out)
	if refused {
		all, err := b.Refused()
		if err != nil {
			return err
		}
		for _, r := range all {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	for o := range b.Export() {
		ds := o.Datastream
		err := enc.Encode(exported{o.Epoch, o.Seq, ds.Name, o.Time, o.Value, ds.Property.Unit, o.Quality.String(), o.Cities})
		if err != nil {
			return err
		}
	}
	return nil
}

func bufferLedger() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "print every loss, with its cause",
		Long: `Ledger prints what will not arrive, and why, and the windows after unclean stops:
the numbers in a window may be delivered, lost or never assigned; at most the
loss window's worth of observations can have been lost, and none of them was
accepted.`,
		Args: noArgs,
	}
	from, asJSON := sourceFlags(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var entries []agent.Notice
		err := from.read(func(c *control.Client) error { return c.Get(cmd.Context(), "/buffer/ledger", &entries) },
			func(b *buffer.Buffer) error { entries = b.Ledger(); return nil })
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			for _, n := range entries {
				if err := enc.Encode(n); err != nil {
					return err
				}
			}
			return nil
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, n := range entries {
			fmt.Fprintf(w, "%s\t%s\t%d to %d\t%d\t%s\t%v\n", moment(n.Time), n.Kind, n.From, n.To, n.Count, n.Cause, n.Cities)
		}
		return w.Flush()
	}
	return cmd
}

// forgotten is the answer to forget: how many observations were let go.
type forgotten struct {
	Count uint64 `json:"count"`
}

func bufferForget() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "forget --city NAME",
		Short: "let go of what a city that left the configuration lacked",
		Args:  noArgs,
	}
	path := configFlag(cmd)
	city := cmd.Flags().String("city", "", "`name` of the city")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *city == "" {
			return usageError{errors.New("--city is missing: which one?")}
		}
		cfg, err := config.Load(*path, catalog)
		if err != nil {
			return err
		}
		var n forgotten
		err = control.NewClient(socketPath(cfg)).Post(cmd.Context(), "/buffer/forget?"+url.Values{"city": {*city}}.Encode(), &n)
		if errors.Is(err, control.ErrNotRunning) {
			n.Count, err = forgetStopped(cfg, *city)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "city %s is forgotten; %d observations that it lacked are in the ledger\n", *city, n.Count)
		return nil
	}
	return cmd
}

// forgetStopped forgets a city while no agent runs.
func forgetStopped(cfg *config.Config, city string) (uint64, error) {
	g := &gateway{cfg: cfg, log: discardLog()}
	if err := g.openBuffer(nil); err != nil {
		return 0, err
	}
	n, err := g.buffer.Forget(city)
	return n, errors.Join(err, g.buffer.Close())
}
