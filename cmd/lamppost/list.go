package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lamppost-city/lamppost/agent/process"
	"github.com/spf13/cobra"
)

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:       "list [drivers|processes|boards|protocols]",
		Short:     "list what this build can read, do, run on and report to",
		ValidArgs: []string{"drivers", "processes", "boards", "protocols"},
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
	}
	asJSON := jsonFlag(cmd)
	verbose := cmd.Flags().Bool("verbose", false, "with drivers: every setting, and an example to paste")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *verbose {
			if len(args) != 1 || args[0] != "drivers" {
				return usageError{errors.New("--verbose tells about drivers; see lamppost list drivers --verbose")}
			}
			return listManuals(cmd.OutOrStdout(), *asJSON)
		}
		for _, table := range tables() {
			if len(args) == 1 && args[0] != table.name {
				continue
			}
			if *asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(table.objects()); err != nil {
					return err
				}
				continue
			}
			table.write(cmd.OutOrStdout())
		}
		return nil
	}
	return cmd
}

// table is one of the catalog's, as README.md shows it.
type table struct {
	name   string
	header []string
	rows   [][]string
}

// tables returns the catalog.
func tables() []table {
	drivers := table{"drivers", []string{"driver", "reads", "observes", "every"}, nil}
	for _, d := range catalog.Drivers {
		var names []string
		for _, o := range d.Observes {
			names = append(names, fmt.Sprintf("%s (%s)", o.Name, o.Unit))
		}
		drivers.rows = append(drivers.rows, []string{"`" + d.Name + "`", link(d.Summary, d.Datasheet), strings.Join(names, ", "), d.Every.String()})
	}
	slices.SortFunc(drivers.rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	processes := table{"processes", []string{"process", "does"}, nil}
	for _, k := range process.Kinds {
		processes.rows = append(processes.rows, []string{"`" + k.Name + "`", k.Summary})
	}
	boards := table{"boards", []string{"board", "runs on"}, nil}
	for _, b := range catalog.Boards {
		boards.rows = append(boards.rows, []string{"`" + b.Name + "`", b.Summary})
	}
	protocols := table{"protocols", []string{"protocol", "speaks", "acknowledged by"}, nil}
	for _, p := range catalog.Protocols {
		var acks []string
		for _, a := range p.Acks {
			acks = append(acks, a.String())
		}
		protocols.rows = append(protocols.rows, []string{"`" + p.Name + "`", link(p.Summary, p.Reference), strings.Join(acks, ", ")})
	}
	return []table{drivers, processes, boards, protocols}
}

func link(text, url string) string {
	if url == "" {
		return text
	}
	return "[" + text + "](" + url + ")"
}

// write writes the table as Markdown.
func (t table) write(w io.Writer) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.header, " | "), strings.Repeat(" --- |", len(t.header)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
}

// objects returns the rows by their headers.
func (t table) objects() []map[string]string {
	all := []map[string]string{}
	for _, row := range t.rows {
		o := make(map[string]string)
		for i, cell := range row {
			o[t.header[i]] = strings.Trim(cell, "`")
		}
		all = append(all, o)
	}
	return all
}
