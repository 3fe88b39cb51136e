//go:build system

package raspberrypi

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// probeUnit runs probe.sh and switches the machine off.
const probeUnit = `[Unit]
After=lamppost.service

[Service]
Type=oneshot
ExecStart=/bin/sh /probe.sh
ExecStopPost=systemctl poweroff

[Install]
WantedBy=multi-user.target
`

// TestPackageRuns boots a Debian, in a container but with its own systemd, and lets
// the agent run as it is installed: with everything forbidden that the unit
// forbids. It needs root.
func TestPackageRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to boot a Debian in a folder")
	}
	if _, err := exec.LookPath("systemd-nspawn"); err != nil {
		command(t, "apt-get", "update")
		command(t, "apt-get", "install", "--yes", "--no-install-recommends", "systemd-container")
	}
	arch := strings.TrimSpace(command(t, "dpkg", "--print-architecture"))
	root := debian(t, arch)
	root.install(t, buildPackage(t, arch, "0.9.0"))
	root.configure(t)
	command(t, "cp", "probe.sh", root.path("/probe.sh"))
	root.write(t, "/etc/systemd/system/probe.service", probeUnit)
	// The stall is to be noticed sooner than in the field.
	root.write(t, "/etc/systemd/system/lamppost.service.d/sooner.conf", "[Service]\nWatchdogSec=5\n")
	root.sh(t, "systemctl enable probe.service")

	root.boot(t)

	result := root.read(t, "/result")
	t.Log(result)
	lines := strings.Split(strings.TrimSpace(result), "\n")
	uid := strings.TrimSpace(root.sh(t, "id -u lamppost"))
	for _, line := range []string{
		"Uid: " + strings.Repeat(uid+" ", 3) + uid,
		"NoNewPrivs: 1",
		"CapBnd: 0000000000000000",
		"Seccomp: 2",
		"/run/lamppost 750 lamppost:lamppost",
		"/run/lamppost/lamppost.sock 660 lamppost:lamppost",
		"/var/lib/lamppost 700 lamppost:lamppost",
		"/etc/lamppost 750 root:lamppost",
		"status answers",
		"sees / ro",
		"may start itself",
		"may start nothing else",
		"runs after a kill",
		"runs after a stall",
		"NRestarts=2",
		"Result=success",
	} {
		assert.Contains(t, lines, line)
	}
	var s stat
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &s), result)
	require.Len(t, s.Cities, 1)
	assert.Positive(t, s.Cities[0].Waiting, "what was observed before the kill, the stall and the stop waits")
}

func (r debianRoot) write(t *testing.T, name, text string) {
	t.Helper()
	command(t, "install", "-D", "-m", "0644", "/dev/null", r.path(name))
	require.NoError(t, os.WriteFile(r.path(name), []byte(text), 0o644))
}

// boot boots the Debian and waits until it has switched itself off. Its systemd
// wants a terminal, which script gives it.
func (r debianRoot) boot(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"timeout", "--kill-after=5", "120", "script", "--quiet", "--return", "--command",
		"systemd-nspawn --register=no --keep-unit --private-network --boot --directory="+string(r), "/dev/null")
	output, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", output)
}
