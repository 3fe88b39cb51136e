//go:build system

package virtualpi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Where Debian 12 keeps its package sources, and where Install adds one.
const (
	debianSources    = "/etc/apt/sources.list.d/debian.sources"
	backportsSources = "/etc/apt/sources.list.d/bookworm-backports.sources"
	backportsSuite   = "bookworm-backports"
)

// emulator is the package with QEMU. Releases before the wanted one have no I2C
// controller on the Raspberry Pi.
const (
	emulator       = "qemu-system-arm"
	emulatorWanted = 10
)

// tools are the other packages that Build and Boot use.
var tools = []string{
	"device-tree-compiler", "e2fsprogs", "gcc-aarch64-linux-gnu", "kmod", "make", "xz-utils",
}

// Install makes sure that the Debian packages which the bench needs are there.
// It needs root when one is missing, and is done at once when none is. What the
// package manager says goes to log.
func Install(ctx context.Context, log io.Writer) error {
	ok, err := installed(ctx)
	if err != nil || ok {
		return err
	}
	if err := run(ctx, log, "", "dpkg", "--add-architecture", "arm64"); err != nil {
		return err
	}
	if err := addBackports(); err != nil {
		return fmt.Errorf("add suite %s: %w", backportsSuite, err)
	}
	if err := apt(ctx, log, "", "update"); err != nil {
		return err
	}
	install := []string{"install", "--yes", "--no-install-recommends"}
	if err := apt(ctx, log, "", append(install, "-t", backportsSuite, emulator)...); err != nil {
		return err
	}
	return apt(ctx, log, "", append(install, tools...)...)
}

// installed tells whether Install has nothing to do.
func installed(ctx context.Context) (bool, error) {
	foreign, err := output(ctx, "dpkg", "--print-foreign-architectures")
	if err != nil {
		return false, err
	}
	if !slices.Contains(strings.Fields(foreign), "arm64") {
		return false, nil
	}
	query := []string{"--show", "--showformat", "${Package} ${db:Status-Status} ${Version}\n", emulator}
	listed, err := output(ctx, "dpkg-query", append(query, tools...)...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return false, nil // one of them is not known to dpkg
	}
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(listed) {
		field := strings.Fields(line)
		if len(field) != 3 || field[1] != "installed" {
			return false, nil
		}
		if field[0] == emulator && major(field[2]) < emulatorWanted {
			return false, nil
		}
	}
	return true, nil
}

var majorPattern = regexp.MustCompile(`^(?:[0-9]+:)?([0-9]+)`)

// major returns the first number of a Debian version, after its epoch.
func major(version string) int {
	match := majorPattern.FindStringSubmatch(version)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return n
}

// addBackports adds the backports suite, from the mirror that the machine
// already takes Debian from.
func addBackports() error {
	if _, err := os.Stat(backportsSources); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := os.ReadFile(debianSources)
	if err != nil {
		return err
	}
	stanza := []string{"Types: deb", "Suites: " + backportsSuite, "Components: main"}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
	found := false
	for line := range strings.Lines(first) {
		key, _, _ := strings.Cut(line, ":")
		if key == "URIs" || key == "Signed-By" {
			stanza = append(stanza, strings.TrimSpace(line))
		}
		found = found || key == "URIs"
	}
	if !found {
		return fmt.Errorf("%s: no URIs in its first entry", debianSources)
	}
	return os.WriteFile(backportsSources, []byte(strings.Join(stanza, "\n")+"\n"), 0o644)
}
