//go:build system

package proof

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// need skips a test that the machine cannot do, and says why.
func need(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: disks cannot be mounted")
	}
	for _, path := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no %s: disks cannot be made up", path)
		}
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Skip("nothing can be mounted here: " + err.Error())
	}
	unmount(dir)
}

// install makes sure that a program of a Debian package is there.
func install(t *testing.T, program, pkg string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin"} {
		path := filepath.Join(dir, program)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	for _, args := range [][]string{{"update"}, {"install", "--yes", "--no-install-recommends", pkg}} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		text, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", text)
	}
	path, err := exec.LookPath(program)
	require.NoError(t, err)
	return path
}

// scratch returns a directory in memory. It goes with the test, and with the
// process.
func scratch(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { unmount(dir) })
	return dir
}

// attach puts a loop device on a file. It is gone when nobody has it open or
// mounted, whatever ends the process.
func attach(path string) (device *os.File, err error) {
	backing, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for range 100 {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("a free loop device: %w", err)
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			return device, nil
		}
		_ = device.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody else was faster
			return nil, fmt.Errorf("%s: %w", device.Name(), err)
		}
	}
	return nil, errors.New("no loop device is free for long enough")
}

// mountExt4 mounts the ext4 in an image.
func mountExt4(image, dir string) error {
	device, err := attach(image)
	if err != nil {
		return err
	}
	defer device.Close()
	return unix.Mount(device.Name(), dir, "ext4", unix.MS_NOATIME, "")
}

// unmount takes a mount down, at the latest when nobody uses it any more. That
// nothing is mounted is no error.
func unmount(dir string) {
	if unix.Unmount(dir, 0) != nil {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	}
}
