// Lamppost is the gateway agent: it reads the sensors on a lamp post, keeps
// every observation until the city has it, and delivers it.
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

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitDone       = 0
	exitFailed     = 1 // something did not work
	exitUnderstood = 2 // the command line was not understood
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := lamppost(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a command line that was not understood.
type usageError struct{ error }

// errShown says that what went wrong is on the screen already.
var errShown = errors.New("shown")

// lamppost runs one command line and returns its exit status.
func lamppost(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errShown) {
		for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
			fmt.Fprintf(stderr, "lamppost: %s\n", line)
		}
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUnderstood
	}
	return exitFailed
}

// newRoot returns the commands, in the order of a gateway's life.
func newRoot() *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:           "lamppost",
		Short:         "the gateway agent that loses no observation",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(
		demoCommand(), scanCommand(), checkCommand(), readCommand(), runCommand(), statusCommand(), bufferCommand(),
		listCommand(), versionCommand(),
	)
	return root
}

// noArgs refuses arguments, and commands that there are not.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		text := fmt.Sprintf("unknown command %q", args[0])
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			text += fmt.Sprintf("; did you mean %q?", s[0])
		}
		return usageError{fmt.Errorf("%s; see %s --help", text, cmd.CommandPath())}
	}
	return usageError{fmt.Errorf("unexpected %q; see %s --help", args[0], cmd.CommandPath())}
}

// configFlag adds --config and returns where its value will be.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("config", "c", config.DefaultPath, "configuration `file`")
}

// jsonFlag adds --json.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON")
}
