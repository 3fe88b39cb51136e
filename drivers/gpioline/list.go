package gpioline

import (
	"errors"
	"fmt"

	"github.com/warthog618/go-gpiocdev"
)

// Info is what the kernel tells about a line.
type Info struct {
	Chip     string `json:"chip"`
	Offset   int    `json:"offset"`
	Name     string `json:"name,omitempty"`     // in the device tree
	Consumer string `json:"consumer,omitempty"` // who uses it
	Used     bool   `json:"used"`               // somebody does, even without a name
	Output   bool   `json:"output"`
}

// List returns all lines of all chips. It changes none of them. Where a chip does
// not open, the lines of the others come with the error.
func List() ([]Info, error) {
	var (
		all  []Info
		errs []error
	)
	for _, name := range gpiocdev.Chips() {
		lines, err := list(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		all = append(all, lines...)
	}
	return all, errors.Join(errs...)
}

func list(chip string) (all []Info, err error) {
	c, err := gpiocdev.NewChip(chip)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for offset := range c.Lines() {
		info, err := c.LineInfo(offset)
		if err != nil {
			return all, err
		}
		all = append(all, Info{
			Chip: c.Name, Offset: offset, Name: info.Name, Consumer: info.Consumer,
			Used: info.Used, Output: info.Config.Direction == gpiocdev.LineDirectionOutput,
		})
	}
	return all, nil
}
