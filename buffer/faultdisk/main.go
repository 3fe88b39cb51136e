// Command faultdisk is a disk that remembers: a file in a FUSE mount to put a
// loop device on, that logs each write and each flush in order. From the log the
// disk can be made again as it was at any moment, with any of the writes that
// were not flushed torn, missing or out of order. It is what the device mapper's
// log-writes does, without a kernel module.
//
//	faultdisk -mount DIR -image FILE -log FILE
//
// DIR then holds disk, with the image's content, and marks: what is written
// there is logged among the writes of the disk before the call returns, so that
// a program can say what it believes is safe. Faultdisk prints "ready", and ends
// when its standard input does. The image is not changed.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	mount := flag.String("mount", "", "empty directory to mount on")
	image := flag.String("image", "", "the disk's content at the start")
	log := flag.String("log", "", "file that is made for the log")
	flag.Parse()
	if err := serve(*mount, *image, *log); err != nil {
		fmt.Fprintln(os.Stderr, "faultdisk:", err)
		os.Exit(1)
	}
}

// serve serves the disk until standard input ends.
func serve(mount, image, log string) error {
	data, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	rec := &recorder{w: bufio.NewWriterSize(f, 1<<20), data: data}
	server, err := fs.Mount(mount, &root{rec: rec}, &fs.Options{MountOptions: fuse.MountOptions{
		FsName: "faultdisk", DirectMount: true, MaxWrite: 128 << 10,
	}})
	if err != nil {
		return errors.Join(fmt.Errorf("mount: %w", err), f.Close())
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	if server.Unmount() != nil {
		// Somebody still has the disk. What he waits for is given up here: if this
		// process held the last of the mounts, it could not end before its own answer.
		_ = syscall.Unmount(mount, syscall.MNT_FORCE)
	}
	return errors.Join(err, rec.flush(), f.Close())
}
