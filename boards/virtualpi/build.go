//go:build system

package virtualpi

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Image is what a Machine boots from: kernel, device tree, base initramfs.
type Image struct{ dir string }

// recipe is everything that decides what an Image is made of.
//
//go:embed build.go cpio.go fetch.go gpiosim.go initramfs.go guest
var recipe embed.FS

// Build makes an Image in the folder cache, or returns the one that is there if
// the recipe has not changed since. Without a cache it takes lamppost-virtualpi in
// the user's cache folder. It needs what Install installs, and root to refresh the
// lists of packages. Two that build in one folder take turns.
func Build(ctx context.Context, cache string, log io.Writer) (*Image, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("build image: %w", err)
		}
		cache = filepath.Join(user, "lamppost-virtualpi")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	defer unlock()
	version, err := stamp()
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	im := &Image{filepath.Join(cache, "virtualpi-"+version)}
	if _, err := os.Stat(im.dir); !errors.Is(err, fs.ErrNotExist) {
		return im, err
	}
	if err := im.build(ctx, cache, log); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	return im, nil
}

func (im *Image) kernel() string     { return filepath.Join(im.dir, "vmlinuz") }
func (im *Image) deviceTree() string { return filepath.Join(im.dir, "pi3b.dtb") }
func (im *Image) initramfs() string  { return filepath.Join(im.dir, "initramfs") }

// build makes the image aside and moves it into place when it is whole.
func (im *Image) build(ctx context.Context, cache string, log io.Writer) error {
	work, err := os.MkdirTemp(cache, "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	k, err := fetch(ctx, filepath.Join(cache, "packages"), work, log)
	if err != nil {
		return err
	}
	made := &Image{filepath.Join(work, "image")}
	if err := os.Mkdir(made.dir, 0o755); err != nil {
		return err
	}
	if err := os.Rename(k.file("boot/vmlinuz-"+k.release), made.kernel()); err != nil {
		return err
	}
	if err := os.Rename(k.file("usr/lib/linux-image-"+k.release+"/broadcom/bcm2837-rpi-3-b.dtb"), made.deviceTree()); err != nil {
		return err
	}
	// The Bluetooth chip, which is not emulated, would keep the first serial
	// port to itself.
	if err := run(ctx, log, "", "fdtput", "-r", made.deviceTree(), "/soc/serial@7e201000/bluetooth"); err != nil {
		return err
	}
	gpiosim, err := k.buildGPIOSim(ctx, log)
	if err != nil {
		return fmt.Errorf("gpio-sim: %w", err)
	}
	if err := k.buildInitramfs(ctx, made.initramfs(), gpiosim, log); err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	return os.Rename(made.dir, im.dir)
}

// stamp names a state of the recipe.
func stamp() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(recipe, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:6]), err
}

// lock waits until the caller is the only one who holds path. The system gives
// it back when a process ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-time.After(time.Second):
		}
	}
}
