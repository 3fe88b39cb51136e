package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lamppost-city/lamppost/cmd/city/desk"
)

func verifyCommand() *cobra.Command {
	var (
		store  string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "verify",
		Short: "compare what was received with what the gateways say",
		Long: `Verify reads the store of city run and closes the books of each thing: every
observation the gateway has accepted must be received, named in a notice of
loss or of an unclean stop, or still be waiting at the gateway.

The exit status is 0 if all books close, 1 if some do not.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			if store == "" {
				return usageError{errors.New("verify: no --store; name the file of city run --store")}
			}
			return verify(c.OutOrStdout(), store, asJSON)
		},
	}
	c.Flags().StringVar(&store, "store", "", "`file` of city run --store")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func verify(out io.Writer, store string, asJSON bool) error {
	all, err := desk.Verify(store)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	show := showTable
	if asJSON {
		show = showJSON
	}
	if err := show(out, all); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(all) == 0 {
		return fmt.Errorf("verify: %s: nothing was received yet; is a gateway connected?", store)
	}
	var errs []error
	for _, b := range all {
		for _, a := range b.Epochs {
			if !a.Closed {
				errs = append(errs, fmt.Errorf("verify: %s: epoch %s: %s", b.Thing, a.Epoch, a.Verdict))
			}
		}
	}
	return errors.Join(errs...)
}

func showJSON(out io.Writer, all []desk.Books) error {
	if all == nil {
		all = []desk.Books{}
	}
	return json.NewEncoder(out).Encode(all)
}

func showTable(out io.Writer, all []desk.Books) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "THING\tEPOCH\tOWED\tRECEIVED\tDUPLICATES\tLEDGERED\tWINDOWED\tWAITING\tMISSING\tVERDICT")
	for _, b := range all {
		for _, a := range b.Epochs {
			fmt.Fprintf(w, "%s\t%s\t%d-%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", b.Thing, a.Epoch, a.Since, a.AcceptedTo,
				a.Received, a.Duplicates, a.Ledgered, a.Windowed, a.Waiting, missing(a.Missing), a.Verdict)
		}
	}
	return w.Flush()
}

// shown is how many missing ranges a table has room for; JSON has them all.
const shown = 5

func missing(ranges []desk.Range) string {
	if len(ranges) == 0 {
		return "none"
	}
	var words []string
	for i, r := range ranges {
		if i == shown {
			words = append(words, fmt.Sprintf("and %d more", len(ranges)-shown))
			break
		}
		words = append(words, fmt.Sprintf("%d-%d", r.From, r.To))
	}
	return strings.Join(words, " ")
}
