package main

import (
	"encoding/json"
	"fmt"

	"github.com/lamppost-city/lamppost/cmd/lamppost/config"
	"github.com/spf13/cobra"
)

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "find all mistakes in a configuration",
		Long: `Check reads a configuration and tells all mistakes in it at once, each with its
line and a remedy. It touches neither hardware nor network, so it can be run
anywhere.`,
		Args: noArgs,
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(*path, catalog)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{
				"thing": cfg.Thing.ID, "board": cfg.Board, "sensors": len(cfg.Sensors), "cities": len(cfg.Cities),
				"notes": append([]string{}, cfg.Notes()...),
			})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: good: %s, %d sensors, %d cities\n", *path, cfg.Thing.ID, len(cfg.Sensors), len(cfg.Cities))
		for _, c := range cfg.Cities {
			fmt.Fprintf(cmd.OutOrStdout(), "city %s: %s, acknowledged by: %s\n", c.Name, c.Protocol, c.Ack)
		}
		for _, note := range cfg.Notes() {
			fmt.Fprintf(cmd.OutOrStdout(), "note: %s\n", note)
		}
		if len(cfg.Cities) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no city: observations are kept for the one to come")
		}
		return nil
	}
	return cmd
}
