#!/bin/sh
# What TestPackageRuns does inside a Debian that systemd has booted: it looks at the
# running service, hurts it, and writes what it saw to /result, a line each.
exec >/result 2>&1

pid() { systemctl show --property=MainPID --value lamppost; }

# running waits up to 20 s for a main process other than $1 that is ready.
running() {
	for _ in $(seq 100); do
		sleep 0.2
		now=$(pid)
		if [ "$now" != "$1" ] && [ "$now" != 0 ] && systemctl --quiet is-active lamppost; then return; fi
	done
	echo "lamppost does not run"
}

running 0
first=$(pid)
grep -E '^(Uid|NoNewPrivs|CapBnd|Seccomp):' "/proc/$first/status" | tr -s '\t ' ' '
stat -c '%n %a %U:%G' /run/lamppost /run/lamppost/lamppost.sock /var/lib/lamppost /etc/lamppost
lamppost status >/dev/null && echo "status answers"
# What it sees of the file system, and what it may start there: itself only.
awk '$5 == "/" { print "sees /", substr($6, 1, 2) }' "/proc/$first/mountinfo" | tail -n 1
nsenter --target "$first" --mount /usr/bin/lamppost version >/dev/null && echo "may start itself"
nsenter --target "$first" --mount /usr/bin/true 2>/dev/null || echo "may start nothing else"

kill -KILL "$first"
running "$first"
second=$(pid)
echo "runs after a kill"

kill -STOP "$second"
running "$second"
echo "runs after a stall"
systemctl show --property=NRestarts lamppost

systemctl stop lamppost
systemctl show --property=Result lamppost
setpriv --reuid=lamppost --regid=lamppost --init-groups lamppost buffer stat --json
