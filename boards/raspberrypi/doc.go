// Package raspberrypi holds what people install: the service, its rules and
// examples, the Debian packages and the script that builds them. It has no code
// but the tests of these files; the board itself is boards.RaspberryPi.
//
//	dist.sh                  builds the binaries and the packages
//	nfpm.yaml                what is in a package
//	postinst, prerm, postrm  what a package does when it comes and goes
//	lamppost.service         the service, locked in as far as its work allows
//	60-lamppost.rules        who may use buses and lines
//	lamppost.toml            an example of a configuration; never active by itself
//	*.conf                   examples of drop-ins, each says what it is for
package raspberrypi
