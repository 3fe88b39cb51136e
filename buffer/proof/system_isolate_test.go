//go:build system

package proof

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// isolatedKey says that the process has mounts of its own.
const isolatedKey = "LAMPPOST_PROOF_ISOLATED"

// isolated runs the tests in a process with mounts of its own: whatever ends it,
// the kernel takes them down, and with them their loop devices.
func isolated(m *testing.M) int {
	if os.Getenv(isolatedKey) != "" || os.Geteuid() != 0 {
		return m.Run()
	}
	// The child dies with the thread that started it.
	runtime.LockOSThread()
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), isolatedKey+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(1, exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mounts of our own:", err)
		return 1
	}
	return 0
}
