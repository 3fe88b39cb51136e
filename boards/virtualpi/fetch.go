//go:build system

package virtualpi

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
)

// kernel is Debian's arm64 kernel, unpacked, with all that a module is built
// from.
type kernel struct {
	work    string // the folder everything is unpacked in
	release string // such as 6.1.0-56-arm64
	abi     string // such as 6.1.0-56
	series  string // such as 6.1
}

// imagePattern finds the current kernel among what linux-image-arm64 depends on.
var imagePattern = regexp.MustCompile(`\bDepends: linux-image-((([0-9]+\.[0-9]+)\.[^ ]+)-arm64) \(= ([^ ]+)\)`)

// file returns the path of an unpacked file.
func (k kernel) file(path string) string { return filepath.Join(k.work, "root", path) }

// fetch downloads the packages of the current kernel into the folder packages
// and unpacks them in work.
func fetch(ctx context.Context, packages, work string, log io.Writer) (kernel, error) {
	if err := apt(ctx, log, "", "update"); err != nil {
		return kernel{}, err
	}
	about, err := output(ctx, "apt-cache", "show", "--no-all-versions", "linux-image-arm64:arm64")
	if err != nil {
		return kernel{}, err
	}
	match := imagePattern.FindStringSubmatch(about)
	if match == nil {
		return kernel{}, fmt.Errorf("no kernel among the dependencies of linux-image-arm64")
	}
	k := kernel{work: work, release: match[1], abi: match[2], series: match[3]}
	version := "=" + match[4]
	if err := os.MkdirAll(packages, 0o755); err != nil {
		return kernel{}, err
	}
	err = apt(ctx, log, packages, "download", "busybox-static:arm64",
		"linux-image-"+k.release+":arm64"+version, "linux-headers-"+k.release+":arm64"+version,
		"linux-headers-"+k.abi+"-common"+version, "linux-kbuild-"+k.series+version,
		"linux-source-"+k.series+version)
	if err != nil {
		return kernel{}, err
	}
	return k, k.unpack(ctx, packages, match[4], log)
}

// unpack lays the packages of one version over each other.
func (k kernel) unpack(ctx context.Context, packages, version string, log io.Writer) error {
	for _, pattern := range []string{"linux-*_" + version + "_*.deb", "busybox-static_*_arm64.deb"} {
		files, err := filepath.Glob(filepath.Join(packages, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := run(ctx, log, "", "dpkg-deb", "-x", file, k.file("")); err != nil {
				return err
			}
		}
	}
	return nil
}
