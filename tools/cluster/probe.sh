#!/bin/bash
# Tries, in namespaces of its own, what a node asks of the kernel, and prints what cannot be had,
# one a line. Its argument is an empty folder on the file system of the node's folder.
set -u
cd "$1" || exit 1

try() {
  local what=$1
  shift
  "$@" >/dev/null 2>&1 || echo "$what"
}
overlay() {
  mkdir lower upper work merged &&
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
}
rewrite() {
  nft -f - <<'RULES'
table ip probe {
  chain before { type nat hook prerouting priority dstnat; ct state new tcp dport 1 dnat to 198.18.0.2:2; }
  chain after { type nat hook postrouting priority srcnat; masquerade; }
}
RULES
}
cgroup() {
  local hierarchy=/sys/fs/cgroup
  [ -e $hierarchy/cgroup.controllers ] || hierarchy=$hierarchy/memory
  mkdir $hierarchy/cairn-probe && rmdir $hierarchy/cairn-probe
}
forward() { echo 1 >/proc/sys/net/ipv4/ip_forward; }

try 'overlay file systems' overlay
try 'veth links' ip link add probe0 type veth peer name probe1
try 'bridges' ip link add probe2 type bridge
try 'address translation by nftables' rewrite
try 'settings in /proc/sys' forward
try 'cgroups below /sys/fs/cgroup' cgroup
