//go:build system

package virtualpi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// Options say how a Machine starts.
type Options struct {
	// Dir is the working folder of the machine: console.log, witness.log,
	// qmp.sock and the initramfs. It is made when it does not exist. Machines
	// may use one folder one after the other; the logs go on.
	Dir string

	// Files are laid into the machine: path inside it → path on the host. They
	// keep their permissions. What is under /dev, /proc, /run, /sys, /tmp and
	// /var/lib/lamppost is covered by what is mounted there.
	Files map[string]string

	// SD is the image of the SD card, by default sd.img in Dir. It is made when
	// it does not exist. The card is mounted at /var/lib/lamppost and keeps what
	// was written to it when the power is cut.
	SD string

	// Devices are the -device arguments of QEMU, by default those of Devices.
	Devices []string

	// Time is the wall clock inside when Boot returns, by default the host's. A
	// Pi has no clock that runs without power, so it may well start in 1970; see
	// SetTime.
	Time time.Time
}

// cardSize is what the SD card holds; QEMU wants a power of two.
const cardSize = 128 << 20

// bootTime is how long a start may take on a busy host; 5 s are usual.
const bootTime = 3 * time.Minute

// Boot starts a machine and returns when it takes commands. The machine runs
// until ctx ends, PowerCut, Shutdown, or until it ends by itself; a reboot inside
// ends it too.
func (im *Image) Boot(ctx context.Context, o Options) (*Machine, error) {
	m, err := im.start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("boot virtual pi: %w", err)
	}
	if err := m.ready(ctx, o.Time); err != nil {
		err = errors.Join(err, m.PowerCut())
		return nil, fmt.Errorf("boot virtual pi: %w; its console ends with:\n%s", err, m.lastWords())
	}
	return m, nil
}

// start starts QEMU.
func (im *Image) start(ctx context.Context, o Options) (*Machine, error) {
	if o.Dir == "" {
		return nil, errors.New("no working folder")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	card := o.SD
	if card == "" {
		card = filepath.Join(dir, "sd.img")
	}
	if card, err = filepath.Abs(card); err != nil {
		return nil, err
	}
	if err := makeCard(ctx, card); err != nil {
		return nil, fmt.Errorf("sd card: %w", err)
	}
	if err := im.layFiles(filepath.Join(dir, "initramfs"), o.Files); err != nil {
		return nil, fmt.Errorf("lay files: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, "qmp.sock")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if o.Devices == nil {
		o.Devices = Devices()
	}
	cmd := exec.Command("qemu-system-aarch64", im.arguments(card, o.Devices)...)
	cmd.Dir = dir
	m, err := launch(ctx, cmd)
	if err != nil {
		return nil, err
	}
	m.devices, m.plugged = o.Devices, 0xff // as the guest's init leaves them
	return m, nil
}

// network is QEMU's name of the network the machine is on.
const network = "n0"

// arguments are those of QEMU; relative paths are in the machine's folder.
func (im *Image) arguments(card string, devices []string) []string {
	args := []string{
		// All four cores of the Pi on one thread: on threads of their own, three
		// spin until the kernel wakes them, and a boot takes three times as long.
		"-M", "raspi3b", "-accel", "tcg,thread=single", "-no-reboot",
		"-display", "none", "-nodefaults", "-no-user-config",
		"-kernel", im.kernel(), "-dtb", im.deviceTree(), "-initrd", "initramfs",
		"-append", "console=ttyS1,115200 panic=-1 quiet loglevel=1",
		"-chardev", "file,id=witness,path=witness.log,append=on", "-serial", "chardev:witness",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-qmp", "unix:qmp.sock,server=on,wait=off",
		"-netdev", "user,id=" + network, "-device", "usb-net,netdev=" + network,
		"-drive", "if=sd,format=raw,file=" + card,
	}
	for _, device := range devices {
		args = append(args, "-device", device)
	}
	return args
}

// makeCard makes an SD card with an empty ext4 file system if there is none.
func makeCard(ctx context.Context, path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made := path + ".new"
	if err := os.WriteFile(made, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(made, cardSize); err != nil {
		return err
	}
	if err := run(ctx, io.Discard, "", "mkfs.ext4", "-q", "-F", "-m", "0", made); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// layFiles writes the base initramfs, and files after it, to path.
func (im *Image) layFiles(path string, files map[string]string) (err error) {
	base, err := os.Open(im.initramfs())
	if err != nil {
		return err
	}
	defer base.Close()
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, base); err != nil {
		return err
	}
	a := &archive{out: out}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := a.copy(name, files[name]); err != nil {
			return err
		}
	}
	return a.close()
}
