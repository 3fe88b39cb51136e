package buffer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// writtenByProcess returns the bytes that a process caused to be written.
func writtenByProcess(dir string) (int64, error) {
	path := filepath.Join(dir, "io")
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			return strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no write_bytes", path)
}

// deviceOf returns the folders of the block device that holds dir and of the card
// the device is on. They are "" if the file system is on no device of its own.
func deviceOf(root, dir string) (device, card string) {
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		return "", ""
	}
	link := fmt.Sprintf("sys/dev/block/%d:%d", unix.Major(s.Dev), unix.Minor(s.Dev))
	device, err := filepath.EvalSymlinks(filepath.Join(root, link))
	if err != nil {
		return "", ""
	}
	disk := device
	if _, err := os.Stat(filepath.Join(device, "partition")); err == nil {
		disk = filepath.Dir(device)
	}
	return device, filepath.Join(disk, "device")
}

// writtenTo returns the bytes that a block device was told to write. Its sectors
// are of 512 bytes, whatever those of the hardware are.
func writtenTo(device string) (int64, error) {
	if device == "" {
		return 0, errors.New("no block device")
	}
	path := filepath.Join(device, "stat")
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) < 7 {
		return 0, fmt.Errorf("%s: %d fields", path, len(fields))
	}
	sectors, err := strconv.ParseInt(fields[6], 10, 64)
	return sectors * 512, err
}

// lifeOf returns what a card says of itself, or nil (JEDEC eMMC 5.1,
// DEVICE_LIFE_TIME_EST_TYP_A and B, PRE_EOL_INFO; 0 is not defined).
func lifeOf(card string) *Life {
	var l Life
	for _, step := range hexOf(filepath.Join(card, "life_time")) {
		if step <= 11 { // tens of percent; 11 is past 100
			l.Used = max(l.Used, 10*int(step))
		}
	}
	if eol := hexOf(filepath.Join(card, "pre_eol_info")); len(eol) > 0 && eol[0] < 4 {
		l.Reserve = [...]string{"", "normal", "warning", "urgent"}[eol[0]]
	}
	if l == (Life{}) {
		return nil
	}
	return &l
}

// hexOf reads numbers such as "0x01 0x0a" from a file that need not be there.
func hexOf(path string) (numbers []uint64) {
	data, _ := os.ReadFile(path)
	for _, word := range strings.Fields(string(data)) {
		n, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 8)
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}
