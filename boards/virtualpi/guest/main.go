//go:build system

// Command bench acts for the test bench inside the emulated Raspberry Pi.
//
//	bench console              run commands that come on standard input
//	bench pulse FILE N PERIOD  pulse a simulated line, FILE being its "pull"
//	bench clock NANOSECONDS    set the wall clock, since 1970
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "console":
		return console(os.Stdin, os.Stdout)
	case len(args) == 4 && args[0] == "pulse":
		return pulse(args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "clock":
		return clock(args[1])
	}
	return errors.New("usage: bench console | pulse FILE N PERIOD | clock NANOSECONDS")
}

// console runs shell commands. A request is a line `ID "COMMAND"`, its answer a
// line `=ID CODE "OUTPUT"`, both quoted as in Go. Requests run side by side. The
// answer 0, before any request, says that the machine is ready.
func console(in io.Reader, out io.Writer) error {
	var mu sync.Mutex
	answer := func(id string, code int, output []byte) {
		mu.Lock()
		defer mu.Unlock()
		// The first line end closes a line that the kernel may have begun.
		fmt.Fprintf(out, "\n=%s %d %+q\n", id, code, output)
	}
	answer("0", 0, nil)
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("read console: %w", err)
		}
		id, quoted, _ := strings.Cut(strings.TrimSpace(line), " ")
		command, err := strconv.Unquote(quoted)
		if err != nil {
			answer(id, 126, []byte("bench: request not understood\n"))
			continue
		}
		go func() {
			code, output := shell(command)
			answer(id, code, output)
		}()
	}
}

// shell runs a command and returns its exit code and what it wrote. A file takes
// the output, so that a process left in the background does not hold it up.
func shell(command string) (int, []byte) {
	file, err := os.CreateTemp("", "output-")
	if err != nil {
		return 126, []byte(err.Error())
	}
	defer os.Remove(file.Name())
	defer file.Close()
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	output, readErr := os.ReadFile(file.Name())
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return 126, []byte(err.Error())
	}
	if readErr != nil {
		return 126, []byte(readErr.Error())
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), output // as a shell says it
	}
	return status.ExitStatus(), output
}

// pulse takes a line n times to the other level and back. Two edges are never
// closer than half the period, even when the machine is slow.
func pulse(file, count, duration string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	period, err := time.ParseDuration(duration)
	if err != nil {
		return err
	}
	rest, away := "pull-down", "pull-up"
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(now)) == away {
		rest, away = away, rest
	}
	line, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer line.Close()
	for range n {
		for _, level := range []string{away, rest} {
			if _, err := line.WriteAt([]byte(level), 0); err != nil {
				return err
			}
			time.Sleep(period / 2)
		}
	}
	return nil
}

// clock sets the wall clock.
func clock(nanoseconds string) error {
	ns, err := strconv.ParseInt(nanoseconds, 10, 64)
	if err != nil {
		return err
	}
	tv := syscall.NsecToTimeval(ns)
	if err := syscall.Settimeofday(&tv); err != nil {
		return fmt.Errorf("set time: %w", err)
	}
	return nil
}
