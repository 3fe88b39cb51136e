package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/lamppost-city/lamppost/agent/control"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/spf13/cobra"
)

func bufferVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "read everything that waits, and check the books",
		Long: `Verify reads every observation that waits and compares what it read with the
books: for each city accepted = delivered + waiting + ledgered, nothing waits
twice, and what is ledgered is what the entries of the ledger say. It prints a
line for each finding, and exits with 1 if there is one.

A running agent goes on meanwhile. What it cannot read of a damaged block is then
in its ledger, as if a city had asked for it; else nothing is changed.`,
		Args: noArgs,
	}
	from, asJSON := sourceFlags(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var r buffer.Report
		err := from.read(func(c *control.Client) error { return c.Get(cmd.Context(), "/buffer/verify", &r) },
			func(b *buffer.Buffer) (err error) { r, err = b.Verify(); return err })
		if err != nil {
			return err
		}
		if err := showReport(cmd.OutOrStdout(), r, *asJSON); err != nil {
			return err
		}
		if n := len(r.Findings); n > 0 {
			return fmt.Errorf("buffer: the books do not close: findings: %d; see lamppost buffer ledger", n)
		}
		return nil
	}
	return cmd
}

func showReport(out io.Writer, r buffer.Report, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(out, f)
	}
	books := "the books close"
	if len(r.Findings) > 0 {
		books = "the books do not close"
	}
	_, err := fmt.Fprintf(out, "verified %d observations in %d blocks of %d files; %s\n", r.Observations, r.Blocks, r.Files, books)
	return err
}
