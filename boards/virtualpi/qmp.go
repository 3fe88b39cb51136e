//go:build system

package virtualpi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// qmp has QEMU run one command of its machine protocol, on a connection of its
// own: QEMU serves one at a time and lets the next one wait.
func (m *Machine) qmp(ctx context.Context, command string, arguments any) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(m.dir, "qmp.sock"))
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	answers := json.NewDecoder(conn)
	var greeting json.RawMessage
	if err := answers.Decode(&greeting); err != nil {
		return fmt.Errorf("%s: read greeting: %w", command, err)
	}
	requests := json.NewEncoder(conn)
	if err := execute(requests, answers, "qmp_capabilities", nil); err != nil {
		return err
	}
	return execute(requests, answers, command, arguments)
}

// execute sends a command and waits until it is done.
func execute(requests *json.Encoder, answers *json.Decoder, command string, arguments any) error {
	request := struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, arguments}
	if err := requests.Encode(request); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	for {
		var a struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Description string `json:"desc"`
			} `json:"error"`
		}
		if err := answers.Decode(&a); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		if a.Error != nil {
			return fmt.Errorf("%s: %s", command, a.Error.Description)
		}
		if a.Return != nil { // otherwise it is an event
			return nil
		}
	}
}
