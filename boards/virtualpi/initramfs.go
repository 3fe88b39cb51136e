//go:build system

package virtualpi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// drivers are the kernel modules of the machine, in the order they are loaded
// in: first those that take long to find their device.
var drivers = []string{
	"phy-generic", // without it USB never appears
	"dwc2", "cdc_ether", "rndis_host",
	"bcm2835", "sdhci-iproc", "ext4",
	"i2c-bcm2835", "i2c-dev", "i2c-mux-pca954x",
	"configfs",
	// The Pi's own watchdog switches the machine off. As a watchdog it is of no
	// use here: the emulated one resets the machine as soon as it is opened. So
	// the kernel's software watchdog comes first and is /dev/watchdog.
	"softdog", "bcm2835_wdt",
	"bcm2835-rng", "bcm2835_thermal",
}

// buildInitramfs writes the tree that every machine starts with.
func (k kernel) buildInitramfs(ctx context.Context, path, gpiosim string, log io.Writer) error {
	modules, err := k.modules(ctx, log)
	if err != nil {
		return err
	}
	bench, err := k.buildBench(ctx, log)
	if err != nil {
		return err
	}
	start, err := recipe.ReadFile("guest/init")
	if err != nil {
		return err
	}
	var tree bytes.Buffer
	a := &archive{out: &tree}
	var order strings.Builder
	for _, module := range append(modules, gpiosim) {
		name := "/lib/modules/" + filepath.Base(module)
		fmt.Fprintln(&order, name)
		if err := a.copy(name, module); err != nil {
			return err
		}
	}
	if err := a.file("/lib/modules/order", 0o644, []byte(order.String())); err != nil {
		return err
	}
	if err := a.copy("/bin/busybox", k.file("bin/busybox")); err != nil {
		return err
	}
	if err := a.copy("/bin/bench", bench); err != nil {
		return err
	}
	if err := a.file("/init", 0o755, start); err != nil {
		return err
	}
	if err := a.close(); err != nil {
		return err
	}
	return os.WriteFile(path, tree.Bytes(), 0o644)
}

// modules returns the files of the drivers and of what they depend on, each once
// and after what it needs.
func (k kernel) modules(ctx context.Context, log io.Writer) ([]string, error) {
	if err := run(ctx, log, "", "depmod", "-b", k.file(""), k.release); err != nil {
		return nil, err
	}
	var files []string
	seen := map[string]bool{}
	for _, driver := range drivers {
		steps, err := output(ctx, "modprobe", "-d", k.file(""), "-S", k.release, "--show-depends", driver)
		if err != nil {
			return nil, err
		}
		for step := range strings.Lines(steps) {
			field := strings.Fields(step)
			if len(field) < 2 || field[0] != "insmod" || seen[field[1]] {
				continue // "builtin", or loaded already
			}
			seen[field[1]] = true
			files = append(files, field[1])
		}
	}
	return files, nil
}

// buildBench builds the program that acts for the bench inside the machine.
func (k kernel) buildBench(ctx context.Context, log io.Writer) (string, error) {
	source, err := recipe.ReadFile("guest/main.go")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(k.work, "bench")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o644); err != nil {
		return "", err
	}
	err = run(ctx, log, dir, "env", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOWORK=off", "GOFLAGS=",
		"go", "build", "-trimpath", "-ldflags=-s -w", "-o", "bench", "main.go")
	return filepath.Join(dir, "bench"), err
}
