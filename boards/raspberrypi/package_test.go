//go:build system

package raspberrypi

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configuration is of a gateway whose city is never there, so that a backlog
// grows.
const configuration = `board = "sim"

[thing]
id = "lamp-042"
name = "Lamp post 42, Rue du Lac"
location = [6.6323, 46.5197]

[[sensor]]
name = "roof-air"
driver = "sht4x"
every = "1s"

[[city]]
name = "platform"
protocol = "senml"
url = "mqtt://127.0.0.1:1"
`

// TestPackage is the life of a package on a fresh Debian: installed, used,
// upgraded, removed, purged. It needs root.
func TestPackage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make a Debian in a folder")
	}
	arch := strings.TrimSpace(command(t, "dpkg", "--print-architecture"))
	older := buildPackage(t, arch, "0.9.0")
	newer := buildPackage(t, arch, "0.9.0-3-g0123abc")
	root := debian(t, arch)

	hint := root.install(t, older)

	assert.Equal(t, 1, strings.Count(hint, "/usr/share/doc/lamppost/examples/lamppost.toml"), "one line says what to do next")
	root.checkFiles(t)
	assert.Contains(t, root.sh(t, "lamppost version"), "linux/"+goArch(arch))
	verified := root.sh(t, "systemd-analyze verify lamppost.service 2>&1")
	assert.NotContains(t, verified, "lamppost", "systemd knows every setting")
	assert.Equal(t, "enabled\n", root.sh(t, "systemctl is-enabled lamppost.service"))
	root.sh(t, "lamppost check --config /usr/share/doc/lamppost/examples/lamppost.toml")

	root.configure(t)
	root.run(t, "5")
	before := root.stat(t)
	require.Positive(t, before.Cities[0].Waiting, "a backlog was made")
	assert.Equal(t, before.Accepted, before.Cities[0].Waiting, "nothing was delivered")

	hint = root.install(t, newer)

	assert.NotContains(t, hint, "examples/lamppost.toml", "who has a configuration needs no hint")
	assert.Contains(t, root.sh(t, "dpkg-query -W lamppost"), "0.9.0+3.g0123abc")
	assert.Equal(t, configuration, root.read(t, "/etc/lamppost/lamppost.toml"))
	assert.Equal(t, before, root.stat(t), "an upgrade keeps the backlog")
	root.checkFiles(t)
	root.run(t, "5")
	after := root.stat(t)
	assert.Greater(t, after.Cities[0].Waiting, before.Cities[0].Waiting, "the run goes on")
	assert.Equal(t, before.Epoch, after.Epoch, "with the same book")

	root.sh(t, "systemctl disable lamppost.service")
	root.install(t, older)
	assert.Equal(t, "disabled\n", root.sh(t, "systemctl is-enabled lamppost.service || true"), "an administrator's choice is kept")

	root.sh(t, "dpkg --remove lamppost")

	assert.NoFileExists(t, root.path("/usr/bin/lamppost"))
	assert.Equal(t, configuration, root.read(t, "/etc/lamppost/lamppost.toml"), "removal keeps the configuration")
	files, err := os.ReadDir(root.path("/var/lib/lamppost"))
	require.NoError(t, err)
	assert.NotEmpty(t, files, "removal keeps the backlog")

	root.sh(t, "dpkg --purge lamppost")

	assert.NoDirExists(t, root.path("/etc/lamppost"))
	assert.NoDirExists(t, root.path("/var/lib/lamppost"))
	assert.Empty(t, root.sh(t, "find /etc/systemd /var/lib/systemd -name '*lamppost*'"), "nothing is left over")

	root.install(t, newer)
	root.checkFiles(t)
}

// TestPackageRepeats builds twice and compares.
func TestPackageRepeats(t *testing.T) {
	arch := strings.TrimSpace(command(t, "dpkg", "--print-architecture"))
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")

	one, err := os.ReadFile(buildPackage(t, arch, "0.9.0"))
	require.NoError(t, err)
	other, err := os.ReadFile(buildPackage(t, arch, "0.9.0"))
	require.NoError(t, err)

	assert.True(t, string(one) == string(other), "the same source gives the same bytes")
}

// goArch returns Go's name of Debian's architecture.
func goArch(arch string) string {
	if arch == "armhf" {
		return "arm"
	}
	return arch
}

// command runs a program that ends well, and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	output, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s %s:\n%s", name, strings.Join(args, " "), output)
	return string(output)
}

// buildPackage builds a version for one architecture and returns its path.
func buildPackage(t *testing.T, arch, version string) string {
	t.Helper()
	t.Setenv("VERSION", version)
	dir := t.TempDir()
	command(t, "./dist.sh", dir, arch)
	found, err := filepath.Glob(filepath.Join(dir, "lamppost_*_"+arch+".deb"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// debianRoot is a folder with a Debian in it.
type debianRoot string

// mirrorPattern finds the first mirror that this computer uses.
var mirrorPattern = regexp.MustCompile(`(?m)^(?:URIs:|deb (?:\[[^]]*\])?)\s*(\S+)`)

// debian returns a fresh Debian 12. It is fetched once and then copied.
func debian(t *testing.T, arch string) debianRoot {
	t.Helper()
	cache := os.Getenv("LAMPPOST_CACHE")
	if cache == "" {
		cache = "/var/cache/lamppost"
	}
	cached := filepath.Join(cache, "bookworm-"+arch)
	if _, err := os.Stat(cached); err != nil {
		fetchDebian(t, cached)
	}
	root := filepath.Join(t.TempDir(), "root")
	command(t, "cp", "-a", "--reflink=auto", cached, root)
	return debianRoot(root)
}

func fetchDebian(t *testing.T, cached string) {
	t.Helper()
	if _, err := exec.LookPath("debootstrap"); err != nil {
		command(t, "apt-get", "update")
		command(t, "apt-get", "install", "--yes", "--no-install-recommends", "debootstrap")
	}
	args := []string{
		"--variant=minbase", "--include=adduser,systemd,systemd-sysv,udev",
		"bookworm", cached + ".new",
	}
	for _, list := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		if match := mirrorPattern.FindSubmatch(text); match != nil {
			args = append(args, string(match[1]))
			break
		}
	}
	require.NoError(t, os.RemoveAll(cached+".new"), "what an interrupted run left")
	require.NoError(t, os.MkdirAll(filepath.Dir(cached), 0o755))
	command(t, "debootstrap", args...)
	require.NoError(t, os.Rename(cached+".new", cached))
}

func (r debianRoot) path(name string) string { return filepath.Join(string(r), name) }

func (r debianRoot) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.path(name))
	require.NoError(t, err)
	return string(text)
}

// sh runs a shell command inside. Its mounts and processes end with it.
func (r debianRoot) sh(t *testing.T, script string) string {
	t.Helper()
	return command(t, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc="+r.path("/proc"),
		"chroot", string(r), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-ec", script)
}

// install installs a package and returns what that prints.
func (r debianRoot) install(t *testing.T, deb string) string {
	t.Helper()
	command(t, "cp", deb, r.path("/tmp/lamppost.deb"))
	return r.sh(t, "DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/lamppost.deb 2>&1")
}

// checkFiles compares owners and modes, and the user's groups.
func (r debianRoot) checkFiles(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{
		"/usr/bin/lamppost":                                "755 root:root",
		"/usr/lib/systemd/system/lamppost.service":         "644 root:root",
		"/usr/lib/udev/rules.d/60-lamppost.rules":          "644 root:root",
		"/usr/share/doc/lamppost/examples":                 "755 root:root",
		"/usr/share/doc/lamppost/examples/lamppost.toml":   "644 root:root",
		"/usr/share/doc/lamppost/examples/allow-list.conf": "644 root:root",
		"/etc/lamppost":                                    "750 root:lamppost",
		"/var/lib/lamppost":                                "700 lamppost:lamppost",
	} {
		assert.Equal(t, want, strings.TrimSpace(r.sh(t, "stat -c '%a %U:%G' "+name)), name)
	}
	groups := strings.Fields(r.sh(t, "id -nG lamppost"))
	assert.ElementsMatch(t, []string{"lamppost", "i2c", "gpio", "dialout"}, groups)
	assert.Contains(t, r.sh(t, "getent passwd lamppost"), "/nologin", "nobody logs in")
}

// configure writes the configuration and does what systemd does before a start.
func (r debianRoot) configure(t *testing.T) {
	t.Helper()
	r.write(t, "/etc/lamppost/lamppost.toml", configuration)
	r.sh(t, "install -d -o lamppost -g lamppost -m 0750 /run/lamppost")
}

// run lets the agent run for some seconds, as its user, and stops it cleanly.
func (r debianRoot) run(t *testing.T, seconds string) {
	t.Helper()
	t.Log(r.sh(t, "timeout --preserve-status --signal=TERM "+seconds+
		" setpriv --reuid=lamppost --regid=lamppost --init-groups --no-new-privs"+
		" lamppost run --config /etc/lamppost/lamppost.toml 2>&1"))
}

// stat is what of `lamppost buffer stat --json` an upgrade must not change.
type stat struct {
	Epoch    string `json:"epoch"`
	Accepted uint64 `json:"accepted"`
	Cities   []struct {
		Name     string `json:"name"`
		Waiting  uint64 `json:"waiting"`
		Ledgered uint64 `json:"ledgered"`
	} `json:"cities"`
}

func (r debianRoot) stat(t *testing.T) stat {
	t.Helper()
	var s stat
	output := r.sh(t, "lamppost buffer stat --json --config /etc/lamppost/lamppost.toml")
	require.NoError(t, json.Unmarshal([]byte(output), &s), output)
	require.Len(t, s.Cities, 1, fmt.Sprintf("one city: %s", output))
	return s
}
