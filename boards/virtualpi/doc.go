// Package virtualpi is an emulated Raspberry Pi 3B for tests: it boots Debian's
// arm64 kernel in QEMU, with real I2C and GPIO device nodes, an SD card, a
// network card and a watchdog. The agent's arm64 binary runs on it unmodified.
//
// It shows what no fake can: the kernel's I2C and GPIO paths, chips that nobody
// here wrote, and power cuts while the card is being written. It is a test bench
// and never part of the product: all of its code has the build tag system. It
// runs on Debian 12 and needs root to install packages.
//
// [Install] and [Build] prepare an [Image] once; [Image.Boot] starts a
// [Machine] from it in some five seconds.
package virtualpi
