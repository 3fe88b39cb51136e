// Command city is a city on the desk: a platform that receives what Lamppost
// gateways send, counts it and verifies that nothing is missing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// A usageError says that the command line was not understood.
type usageError struct{ err error }

// Error returns what was not understood.
func (e usageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.err }

// run is the whole program: it returns 0 when done, 1 when something did not
// work, 2 when the command line was not understood.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "city",
		Short:         "A city on the desk: receives what gateways send and verifies it",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          none,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("no command; want run or verify; see city --help")}
		},
	}
	root.AddCommand(runCommand(errOut), verifyCommand())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	for text := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(errOut, "city: %s\n", text)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// none refuses arguments that are no flags.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown argument %q; see %s --help", args[0], c.CommandPath())}
	}
	return nil
}
