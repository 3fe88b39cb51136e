//go:build system

package virtualpi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// gpioSimKbuild makes one module of the simulator of GPIO chips and the
// simulator of interrupts it needs: Debian's kernel has neither.
const gpioSimKbuild = `obj-m += gpiosim.o
gpiosim-y := gpio-sim.o irq_sim.o
ccflags-y += -DCONFIG_IRQ_SIM=1
`

// buildGPIOSim builds the kernel module gpio-sim from Debian's kernel source and
// returns its path.
func (k kernel) buildGPIOSim(ctx context.Context, log io.Writer) (string, error) {
	dir := filepath.Join(k.work, "gpiosim")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "Kbuild"), []byte(gpioSimKbuild), 0o644); err != nil {
		return "", err
	}
	tree := "linux-source-" + k.series
	err := run(ctx, log, dir, "tar", "--extract", "--occurrence=1", "--strip-components=3",
		"--file", k.file("usr/src/"+tree+".tar.xz"),
		tree+"/drivers/gpio/gpio-sim.c", tree+"/drivers/gpio/gpiolib.h", tree+"/kernel/irq/irq_sim.c")
	if err != nil {
		return "", err
	}
	if err := useExported(filepath.Join(dir, "irq_sim.c")); err != nil {
		return "", err
	}
	headers := k.file("usr/src/linux-headers-" + k.release)
	// The packaged file names the folder under /usr that it is installed in.
	include := "include " + k.file("usr/src/linux-headers-"+k.abi+"-common/Makefile") + "\n"
	if err := os.WriteFile(filepath.Join(headers, "Makefile"), []byte(include), 0o644); err != nil {
		return "", err
	}
	err = run(ctx, log, "", "make", "-C", headers, "M="+dir, "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "modules")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "gpiosim.ko"), nil
}

// useExported replaces the one call in the file that only code built into the
// kernel may make.
func useExported(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	call := []byte("handle_simple_irq(irq_to_desc(irqnum));")
	if !bytes.Contains(text, call) {
		return fmt.Errorf("%s: no call %q", filepath.Base(path), call)
	}
	text = bytes.Replace(text, call, []byte("generic_handle_irq(irqnum);"), 1)
	return os.WriteFile(path, text, 0o644)
}
