//go:build system

package virtualpi

import (
	"fmt"
	"io"
	"os"
	"path"
	"slices"
)

// archive writes an initramfs: a cpio archive in the format newc. The kernel
// unpacks several of them, one after the other, into one tree.
type archive struct {
	out     io.Writer
	written int
	entries int
	folders []string // those that are in the archive
}

// Types of file, as in the mode field of an entry.
const (
	typeFolder = 0o040000
	typeFile   = 0o100000
)

// file adds a regular file, and the folders it is in.
func (a *archive) file(name string, perm os.FileMode, data []byte) error {
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	return a.entry(name, typeFile|uint32(perm.Perm()), data)
}

// copy adds a file of the host.
func (a *archive) copy(name, host string) error {
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	return a.file(name, info.Mode(), data)
}

// folder adds a folder, and those it is in.
func (a *archive) folder(name string) error {
	name = path.Join("/", name)
	if name == "/" || slices.Contains(a.folders, name) {
		return nil
	}
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	a.folders = append(a.folders, name)
	return a.entry(name, typeFolder|0o755, nil)
}

// close ends the archive. It does not close the file it is written to.
func (a *archive) close() error { return a.entry("/TRAILER!!!", 0, nil) }

func (a *archive) entry(name string, mode uint32, data []byte) error {
	a.entries++
	name = path.Join("/", name)[1:]
	// Inode, mode, owner, group, links, time, size, device, special device,
	// length of the name with its zero, checksum, which newc does not use.
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.entries, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	if err := a.padded([]byte(header)); err != nil {
		return err
	}
	return a.padded(data)
}

// padded writes data and fills up to a multiple of four.
func (a *archive) padded(data []byte) error {
	n, err := a.out.Write(data)
	a.written += n
	if err != nil {
		return err
	}
	n, err = a.out.Write(make([]byte, -a.written&3))
	a.written += n
	return err
}
