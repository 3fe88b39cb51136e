//go:build system

package virtualpi

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// run runs a program in a folder and sends what it says to log.
func run(ctx context.Context, log io.Writer, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// apt runs apt-get, which waits for its turn when another one is at work.
func apt(ctx context.Context, log io.Writer, dir string, args ...string) error {
	options := []string{"-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root"}
	return run(ctx, log, dir, "apt-get", append(options, args...)...)
}

// output runs a program and returns what it writes to standard output.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(text), nil
}
