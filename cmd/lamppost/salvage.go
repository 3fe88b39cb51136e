package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/buffer"
	"github.com/spf13/cobra"
)

func bufferSalvage() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "salvage PATH...",
		Short: "print what can be read of damaged files, or of a whole card",
		Long: `Salvage looks through files, folders, images or devices (/dev/mmcblk0) for what a
buffer has written, and prints each observation it finds once, as export does, with
the quality salvaged. It needs no file system that mounts and no file that opens,
changes nothing, and prints also what was delivered and is still there: epoch and
seq tell which is which. How much it found it says on standard error.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("which file, folder or device?")}
			}
			return nil
		},
	}
	_ = cmd.Flags().Bool("json", true, "print JSON; there is nothing else")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		enc := json.NewEncoder(cmd.OutOrStdout())
		r, err := buffer.Salvage(args, func(epoch agent.Epoch, o agent.Observation) error {
			ds := o.Datastream
			return enc.Encode(exported{epoch, o.Seq, ds.Name, o.Time, o.Value, ds.Property.Unit, o.Quality.String(), nil})
		})
		fmt.Fprintf(cmd.ErrOrStderr(), "salvaged %d observations in %d blocks and %d frames; %d are broken, and %d of unknown datastreams\n",
			r.Observations, r.Blocks, r.Frames, r.Broken, r.Unknown)
		if err == nil && r.Observations == 0 {
			err = errors.New("buffer: nothing to salvage there")
		}
		return err
	}
	return cmd
}
