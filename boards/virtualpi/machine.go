//go:build system

package virtualpi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Machine is a running Raspberry Pi. Its methods may be called from several
// goroutines.
type Machine struct {
	dir     string
	process *os.Process
	console *console
	done    chan struct{} // closed when QEMU has ended
	devices []string      // as in Options

	plugging sync.Mutex // held while channels of plugs are changed
	plugged  uint8      // those that are on
}

// errEnded is the cause when a machine that has ended is asked for something.
var errEnded = errors.New("the machine has ended")

// ExitError tells that a command in the machine ended with another code than 0.
type ExitError struct {
	Command string
	Code    int // 128 and the signal's number for one that a signal ended
	Output  string
}

// Error implements error.
func (e *ExitError) Error() string {
	return fmt.Sprintf("%s: exit status %d: %s", e.Command, e.Code, strings.TrimSpace(e.Output))
}

// launch starts QEMU, which ends with ctx or with this process at the latest.
func launch(ctx context.Context, cmd *exec.Cmd) (*Machine, error) {
	log, err := os.OpenFile(filepath.Join(cmd.Dir, "console.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	keys, err := cmd.StdinPipe()
	if err != nil {
		log.Close()
		return nil, err
	}
	m := &Machine{dir: cmd.Dir, console: newConsole(keys, log), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = m.console, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal is sent when the thread ends that started the process, so
		// this one stays for as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() // a machine that was killed ends with an error: as wanted
		}
		log.Close()
		close(m.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	m.process = cmd.Process
	stop := context.AfterFunc(ctx, func() { m.process.Kill() })
	go func() {
		<-m.done
		stop()
	}()
	return m, nil
}

// ready waits until the machine takes commands, and sets its clock.
func (m *Machine) ready(ctx context.Context, clock time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	select {
	case a := <-m.console.booted:
		if a.code != 0 {
			return fmt.Errorf("start up: %s", a.output)
		}
	case <-m.done:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	if clock.IsZero() {
		clock = time.Now()
	}
	return m.SetTime(ctx, clock)
}

// lastWords returns the end of what the console said, for people.
func (m *Machine) lastWords() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "console.log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// Done is closed when the machine has ended, whatever the reason: a power cut, a
// shutdown, its watchdog, a panic of its kernel.
func (m *Machine) Done() <-chan struct{} { return m.done }

// WitnessLog returns the path on the host of all that was written to the first
// serial port, which is /dev/ttyAMA0 inside. Every byte is in the file soon after
// it was written, and a power cut takes nothing away. Machines that use one folder
// one after the other add to one file.
func (m *Machine) WitnessLog() string { return filepath.Join(m.dir, "witness.log") }

// Run runs a shell command in the machine and returns what it wrote to standard
// output and standard error. The error is an *ExitError when the exit code is not
// 0. When ctx ends Run returns, but the command goes on.
func (m *Machine) Run(ctx context.Context, command string) (output string, err error) {
	id, answers, err := m.console.ask(command)
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	defer m.console.forget(id)
	select {
	case a := <-answers:
		if a.code != 0 {
			return a.output, &ExitError{Command: command, Code: a.code, Output: a.output}
		}
		return a.output, nil
	case <-m.done:
		return "", fmt.Errorf("%s: %w", command, errEnded)
	case <-ctx.Done():
		return "", fmt.Errorf("%s: %w", command, ctx.Err())
	}
}

// Start runs a shell command in the background of the machine, with what it
// writes added to the file logFile inside. It returns the id of the process, which
// leads a process group of its own: "kill -TERM -ID" ends all of it.
func (m *Machine) Start(ctx context.Context, command, logFile string) (pid int, err error) {
	output, err := m.Run(ctx, "setsid sh -c "+quote(command)+" >>"+quote(logFile)+" 2>&1 </dev/null & echo $!")
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(output, &pid); err != nil {
		return 0, fmt.Errorf("%s: process id in %q: %w", command, output, err)
	}
	return pid, nil
}

// SetTime sets the wall clock inside, to some milliseconds. The kernel takes no
// time that is earlier than its own running time after the start of 1970, so the
// second of January 1970 is early enough for a clock that was never set.
func (m *Machine) SetTime(ctx context.Context, t time.Time) error {
	_, err := m.Run(ctx, fmt.Sprintf("bench clock %d", t.UnixNano()))
	return err
}

// SetLink plugs the network cable or pulls it. The card inside does not notice a
// pulled cable, as behind a switch that lost its uplink: packets are lost both
// ways.
func (m *Machine) SetLink(ctx context.Context, up bool) error {
	return m.qmp(ctx, "set_link", map[string]any{"name": network, "up": up})
}

// PowerCut takes the power away: what the kernel inside had not yet written to the
// SD card is gone. It returns when the machine has ended; cutting twice is no
// error.
func (m *Machine) PowerCut() error {
	if err := m.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("power cut: %w", err)
	}
	<-m.done
	return nil
}

// Shutdown writes everything to the SD card, switches the machine off and returns
// when it has ended. It does not end the processes inside first.
func (m *Machine) Shutdown(ctx context.Context) error {
	_, err := m.Run(ctx, "mount -o remount,ro /var/lib/lamppost 2>/dev/null; sync; poweroff -f")
	if err != nil && !errors.Is(err, errEnded) {
		return fmt.Errorf("shut down: %w", err)
	}
	select {
	case <-m.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("shut down: %w", ctx.Err())
	}
}

// quote makes one word of a shell from text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
