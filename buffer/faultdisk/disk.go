package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Kinds of operation in the log.
const (
	opWrite = 'W'
	opFlush = 'F'
	opMark  = 'A'
)

// recorder is the disk's content and the log. An operation is its kind, one
// byte; offset, 8 bytes, and length, 4 bytes, little-endian; and the data.
type recorder struct {
	mu   sync.Mutex
	w    *bufio.Writer
	err  error // of the log; from then on every operation fails
	data []byte
}

// log appends an operation, under mu.
func (r *recorder) log(kind byte, off int64, data []byte) syscall.Errno {
	head := [13]byte{kind}
	binary.LittleEndian.PutUint64(head[1:], uint64(off))
	binary.LittleEndian.PutUint32(head[9:], uint32(len(data)))
	for _, b := range [][]byte{head[:], data} {
		if _, err := r.w.Write(b); err != nil && r.err == nil {
			r.err = err
		}
	}
	if r.err != nil {
		return syscall.EIO
	}
	return 0
}

// flush writes out the log and returns its first error.
func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	return r.w.Flush()
}

// root is the directory.
type root struct {
	fs.Inode
	rec *recorder
}

// OnAdd puts the two files into the directory.
func (r *root) OnAdd(ctx context.Context) {
	file := fs.StableAttr{Mode: syscall.S_IFREG}
	r.AddChild("disk", r.NewPersistentInode(ctx, &disk{rec: r.rec}, file), true)
	r.AddChild("marks", r.NewPersistentInode(ctx, &marks{rec: r.rec}, file), true)
}

// disk is the file for the loop device.
type disk struct {
	fs.Inode
	rec *recorder
}

func (d *disk) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = 0o600, uint64(len(d.rec.data))
	return 0
}

func (d *disk) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, f, out)
}

func (d *disk) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (d *disk) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	d.rec.mu.Lock()
	defer d.rec.mu.Unlock()
	if off >= int64(len(d.rec.data)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(dest[:copy(dest, d.rec.data[off:])]), 0
}

func (d *disk) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	d.rec.mu.Lock()
	defer d.rec.mu.Unlock()
	if off+int64(len(data)) > int64(len(d.rec.data)) {
		return 0, syscall.ENOSPC
	}
	copy(d.rec.data[off:], data)
	return uint32(len(data)), d.rec.log(opWrite, off, data)
}

func (d *disk) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	d.rec.mu.Lock()
	defer d.rec.mu.Unlock()
	return d.rec.log(opFlush, 0, nil)
}

// marks is the file for what a program says.
type marks struct {
	fs.Inode
	rec *recorder
}

func (m *marks) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = 0o600
	return 0
}

func (m *marks) Setattr(ctx context.Context, f fs.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return m.Getattr(ctx, f, out)
}

// Open makes each write one call, that returns when it is in the log.
func (m *marks) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (m *marks) Write(_ context.Context, _ fs.FileHandle, data []byte, _ int64) (uint32, syscall.Errno) {
	m.rec.mu.Lock()
	defer m.rec.mu.Unlock()
	return uint32(len(data)), m.rec.log(opMark, 0, data)
}
