package sparkplug

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lamppost-city/lamppost/sync/uplink"
)

// numberFile returns where the number of the next session (bdSeq) is kept: a
// host tells by it whose death it hears of, so it outlives the agent.
func numberFile(t uplink.Target) string {
	return filepath.Join(t.Dir, "sparkplug-"+url.PathEscape(t.City)+".bdseq")
}

// loadNumber returns the number of this session: 0 at first, and when the file is
// damaged.
func loadNumber(t uplink.Target) (uint8, error) {
	if t.Dir == "" {
		return 0, nil
	}
	text, err := os.ReadFile(numberFile(t))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the number of the session: %w; check the directory of the buffer", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil {
		return 0, nil
	}
	return uint8(n), nil
}

// storeNumber writes the number of the next session, before anything of this one
// is published.
func storeNumber(t uplink.Target, next uint8) error {
	if t.Dir == "" {
		return nil
	}
	path := numberFile(t)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, next)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write the number of the next session: %w; check the directory of the buffer", err)
	}
	return nil
}
