package raspberrypi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// analyze runs systemd-analyze, or skips the test where there is none.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here; it is in the package systemd")
	}
	output, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	return string(output), err
}

// copyUnit makes a copy of the service whose program exists, with drop-ins.
func copyUnit(t *testing.T, dropins ...string) string {
	t.Helper()
	text, err := os.ReadFile("lamppost.service")
	require.NoError(t, err)
	program, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "lamppost.service")
	text = []byte(strings.ReplaceAll(string(text), "ExecStart=/usr/bin/lamppost", "ExecStart="+program))
	require.NoError(t, os.WriteFile(path, text, 0o600))
	for _, name := range dropins {
		require.NoError(t, os.MkdirAll(path+".d", 0o700))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(path+".d", name), text, 0o600))
	}
	return path
}

func TestUnitScore(t *testing.T) {
	tests := []struct {
		name      string
		dropins   []string
		threshold string // tenths: the service must not be more exposed
	}{
		{"as installed", nil, "15"},
		{"with an allow list", []string{"allow-list.conf"}, "14"},
		{"with another time daemon", []string{"clock.conf"}, "19"},
		{"with buses to free", []string{"gpiomem.conf"}, "15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			unit := copyUnit(t, tt.dropins...)

			output, err := analyze(t, "security", "--offline=true", "--threshold="+tt.threshold, "--no-pager", unit)

			require.NoErrorf(t, err, "the service is locked in:\n%s", output)
			lines := strings.Split(strings.TrimSpace(output), "\n")
			t.Log(lines[len(lines)-1])
		})
	}
}

func TestUnitIsUnderstood(t *testing.T) {
	unit := copyUnit(t, "allow-list.conf", "clock.conf", "gpiomem.conf")

	output, err := analyze(t, "verify", unit)

	require.NoError(t, err, output)
	// It warns of what it does not know with exit status 0; of other units too.
	assert.NotContains(t, output, "lamppost", "systemd knows every setting")
	assert.NotContains(t, output, ".conf", "systemd knows every setting")
}

func TestUnitText(t *testing.T) {
	text, err := os.ReadFile("lamppost.service")
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")

	for _, line := range []string{
		"ConditionPathExists=/etc/lamppost/lamppost.toml",
		"StartLimitIntervalSec=0",
		"Type=notify",
		"WatchdogSec=30",
		"ExecStart=/usr/bin/lamppost run",
		"ExecPaths=/usr/bin/lamppost",
		"Restart=always",
		"RestartSec=2",
		"TimeoutStopSec=20",
		"OOMPolicy=continue",
		"User=lamppost",
		"Group=lamppost",
		"SupplementaryGroups=gpio i2c dialout",
		"StateDirectory=lamppost",
		"StateDirectoryMode=0700",
		"RuntimeDirectory=lamppost",
		"RuntimeDirectoryMode=0750",
		"DeviceAllow=char-i2c rw",
		"DeviceAllow=char-gpiochip rw",
		"DeviceAllow=char-ttyAMA rw",
		"DeviceAllow=char-ttyUSB rw",
	} {
		assert.Contains(t, lines, line)
	}
	for _, line := range lines {
		for setting, why := range map[string]string{
			"RestartSteps=":             "systemd 252 does not know it",
			"RestartPreventExitStatus=": "a panic would be the end: its status is that of a wrong configuration",
			"ProcSubset=":               "/proc/device-tree and the boot id are needed",
			"PrivateDevices=":           "buses and lines are needed",
			"IPAddressDeny=":            "a city may have any address",
		} {
			assert.Falsef(t, strings.HasPrefix(line, setting), "%s: %s", line, why)
		}
	}
}

func TestScripts(t *testing.T) {
	for _, name := range []string{"dist.sh", "postinst", "prerm", "postrm", "probe.sh"} {
		output, err := exec.CommandContext(t.Context(), "sh", "-n", name).CombinedOutput()
		assert.NoErrorf(t, err, "%s: %s", name, output)
	}
}
