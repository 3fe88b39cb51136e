#!/bin/sh
# Builds what a release consists of: static binaries, Debian packages and their
# checksums. The same commit gives the same bytes.
#
#   boards/raspberrypi/dist.sh [FOLDER [ARCHITECTURE ...]]
#
# FOLDER is dist unless named; the architectures are Debian's: amd64, arm64 and
# armhf unless named. VERSION says which version it is; without it, git does.
set -eu
umask 022

folder=${1:-dist}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- amd64 arm64 armhf
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/../.."

version=${VERSION:-$(git describe --tags --always 2>/dev/null || echo 0.0.0)}
version=${version#v}
# Debian's order of versions, which must begin with a digit:
#   0.2.0-rc.1 is before 0.2.0, and 3 commits after 0.2.0 are after it.
case $version in
*[!0-9a-f]*) ;;
*[a-f]* | ???????*) version=0.0.0+git.$version ;; # no tag yet: a bare commit
esac
DEB_VERSION=$(echo "$version" | sed -E 's/-([0-9]+)-g([0-9a-f]+)$/+\1.g\2/; s/-/~/; s/-/./g')
case $DEB_VERSION in
[0-9]*) ;;
*) DEB_VERSION=0.0.0+$DEB_VERSION ;;
esac

# The version in a binary is Go's own build information, so nothing with -X. Git
# may be missing, without a commit, or distrust the owner of the checkout.
buildvcs=false
if git rev-parse --verify --quiet HEAD >/dev/null 2>&1; then buildvcs=auto; fi

# Times inside the packages are those of the commit.
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && commit=$(git log -1 --format=%ct 2>/dev/null); then
	SOURCE_DATE_EPOCH=$commit
	export SOURCE_DATE_EPOCH
fi

STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
export DEB_VERSION STAGE

# Results come to the folder at the end: if it lies in the checkout, the first
# would make the next ones call themselves built from a changed one.
mkdir "$STAGE/dist"

# build GOARCH GOARM NAME
build() {
	CGO_ENABLED=0 GOOS=linux GOARCH=$1 GOARM=$2 \
		go build -buildvcs=$buildvcs -trimpath -tags nethttpomithttp2 -ldflags '-s -w' -o "$STAGE/dist/$3" ./cmd/lamppost
}

# document FILE NAME
document() {
	if [ -e "$1" ]; then install -D -m 0644 "$1" "$STAGE/doc/$2"; fi
}
document LICENSE copyright
for example in lamppost.toml allow-list.conf clock.conf gpiomem.conf watchdog.conf; do
	document "boards/raspberrypi/$example" "examples/$example"
done

if [ -e CHANGELOG.md ]; then gzip -9nc CHANGELOG.md >"$STAGE/doc/changelog.gz"; fi

for DEB_ARCH; do
	export DEB_ARCH
	case $DEB_ARCH in
	amd64)
		binary=lamppost-linux-amd64
		build amd64 '' "$binary"
		;;
	arm64)
		binary=lamppost-linux-arm64
		build arm64 '' "$binary"
		;;
	armhf)
		# Raspberry Pi OS calls armhf what runs on a Pi Zero and 1 too: ARMv6.
		binary=lamppost-linux-armv6
		build arm 6 "$binary"
		build arm 7 lamppost-linux-armv7
		;;
	*)
		echo "dist.sh: architecture $DEB_ARCH: unknown; take amd64, arm64 or armhf" >&2
		exit 2
		;;
	esac
	cp "$STAGE/dist/$binary" "$STAGE/lamppost"
	go tool -modfile=tools.mod nfpm package --config boards/raspberrypi/nfpm.yaml \
		--packager deb --target "$STAGE/dist/" >/dev/null
done

cd "$STAGE/dist"
sha256sum -- * >"$STAGE/SHA256SUMS"
cp -- * "$STAGE/SHA256SUMS" "$folder/"
echo "$folder:" *
