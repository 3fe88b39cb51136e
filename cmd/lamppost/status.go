package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lamppost-city/lamppost/agent/clock"
	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "print how the agent is doing, and its books",
		Long: `Status prints the books, the cities and the sensors. For each city
accepted = delivered + waiting + ledgered. Wear is what the agent wrote to the
card since it started, and what that comes to in a day; an eMMC also tells how
much of its life is used. If no agent runs, status prints the books as they are
on flash and exits with 1.`,
		Args: noArgs,
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, catalog)
		if err != nil {
			return err
		}
		var s status
		err = control.NewClient(socketPath(cfg)).Get(cmd.Context(), "/status", &s)
		if errors.Is(err, control.ErrNotRunning) {
			b, failed := buffer.Inspect(cfg.Buffer.Dir)
			if failed != nil {
				return errors.Join(err, failed)
			}
			s = bookStatus(b.Stats())
			s.Thing = cfg.Thing.ID
			err = errors.Join(err, b.Close())
		}
		if err != nil && !errors.Is(err, control.ErrNotRunning) {
			return err
		}
		if *asJSON {
			return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(s), err)
		}
		return errors.Join(s.show(cmd.OutOrStdout()), err)
	}
	return cmd
}

func (s status) show(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "thing\t%s\n", s.Thing)
	fmt.Fprintf(w, "accepted\t%d\n", s.Accepted)
	fmt.Fprintf(w, "pending\t%d\tat most %s old\n", s.Pending, s.LossWindow)
	if s.Stretched != "" {
		fmt.Fprintf(w, "commit\tevery %s\tstretched by %s\n", s.CommitEvery, s.Stretched)
	}
	fmt.Fprintf(w, "epoch\t%s\tup to %d\n", s.Epoch, s.AcceptedTo)
	if s.Failing != "" {
		fmt.Fprintf(w, "disk\t%s\n", s.Failing)
	}
	if s.Clock != "" {
		fmt.Fprintf(w, "clock\t%s\n", clock.Words(s.Clock))
	}
	if s.Wear != nil {
		showWear(w, *s.Wear)
	}
	fmt.Fprintf(w, "last stop\t%s\n", s.LastStop)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ncity\t\tack\tdelivered\twaiting\tledgered\toldest\n")
	for _, c := range s.Cities {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", c.Name, c.link(), c.Ack, c.Delivered, c.Waiting, c.Ledgered, moment(c.Oldest))
	}
	if err := w.Flush(); err != nil || len(s.Sensors) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nsensor\tdriver\tstate\tlast\terrors\tdoubts\n")
	for _, x := range s.Sensors {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", x.Name, x.Driver, x.State, moment(x.Last), x.Errors, doubts(x.Doubts), x.Err)
	}
	return w.Flush()
}

// doubts says how many values were doubted, and why.
func doubts(counts map[string]uint64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d %s", counts[name], name))
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, ", ")
}

// showWear says what writing does to the card.
func showWear(w io.Writer, x buffer.Wear) {
	over := (time.Duration(x.Over) * time.Second).String()
	fmt.Fprintf(w, "wear\t%s\t%s a day, over %s\n", megabytes(x.Written), megabytes(x.PerDay), over)
	if x.Device != "" {
		fmt.Fprintf(w, "\t%s\t%s a day, written by all\n", x.Device, megabytes(x.DevicePerDay))
	}
	if x.Budget > 0 {
		fmt.Fprintf(w, "\tbudget\t%s of %s today\n", megabytes(x.Today), megabytes(x.Budget))
	}
	if l := x.Life; l != nil {
		fmt.Fprintf(w, "\tlife\t%s\n", lifeText(*l))
	}
	if x.Err != "" {
		fmt.Fprintf(w, "\tnot counted\t%s\n", x.Err)
	}
}

// lifeText says what a card says of itself.
func lifeText(l buffer.Life) string {
	text := "not told"
	switch {
	case l.Used > 100:
		text = "past its end"
	case l.Used > 0:
		text = fmt.Sprintf("%d to %d %% used", l.Used-10, l.Used)
	}
	if l.Reserve != "" {
		text += ", reserve " + l.Reserve
	}
	return text
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// link says how the connection is.
func (c cityStatus) link() string {
	switch {
	case c.Parked:
		return "parked"
	case c.Connected:
		return "connected since " + moment(c.Since)
	case c.Since.IsZero():
		return "not connected"
	}
	return "unreachable since " + moment(c.Since)
}

// moment is a time for people, in their zone.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
