//go:build system

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// rabbit returns the arguments of env that start a RabbitMQ with its MQTT plugin
// on a port, with a name, a directory and a port mapper of its own. It runs
// until it is killed, as the process that was started.
func rabbit(t *testing.T, port int) []string {
	t.Helper()
	install(t, "rabbitmq-server", "rabbitmq-server")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	mapper := freePort(t)
	startBroker(t, fmt.Sprintf("127.0.0.1:%d", mapper), install(t, "epmd", "erlang-base"), "-port", fmt.Sprint(mapper), "-address", "127.0.0.1")
	return []string{
		"HOME=" + dir,
		"ERL_EPMD_PORT=" + fmt.Sprint(mapper), "ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("RABBITMQ_NODENAME=lamppost-%d@localhost", port),
		"RABBITMQ_DIST_PORT=" + fmt.Sprint(freePort(t)),
		"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"), "RABBITMQ_LOG_BASE=" + filepath.Join(dir, "log"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + file("plugins", "[rabbitmq_mqtt].\n"),
		"RABBITMQ_CONFIG_FILE=" + file("rabbitmq.conf", fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nmqtt.listeners.tcp.1 = 127.0.0.1:%d\nmqtt.allow_anonymous = true\n"+
			"disk_free_limit.absolute = 1MB\n", freePort(t), port)),
		"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server
		"/usr/lib/rabbitmq/bin/rabbitmq-server",
	}
}
