#!/bin/bash
# The first process of the node, in network, mount and process namespaces of its own. It prepares
# them and starts each component again when it ends. When this process is killed, the kernel ends
# all others of the node, and mounts, links and packet rules go with the namespaces.
# It is a shell because the first process also has to reap what containers leave behind.
#
#   node.sh FOLDER ADDRESS/PREFIX SERVICE-RANGE CGROUP
#
# The components are files of FOLDER/components: a program and its arguments, each ended by a NUL.
# Those in `first` start at once, those in `after` once the API server listens.
set -u
folder=$1 address=$2 services=$3 cgroup=$4

mount --make-rshared /
# These paths are compiled into the container runtime and the kubelet: the node gets its own.
for path in /run/containerd /run/netns /var/lib/cni /var/log/containers /var/lib/kubelet; do
  mkdir -p "$path"
  mount -t tmpfs -o mode=755 tmpfs "$path"
done

# The kubelet makes cgroups for pods below one that is there, with all the controllers of the root.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  for controller in $(</sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
  done
  mkdir -p "/sys/fs/cgroup/$cgroup"
else
  for hierarchy in /sys/fs/cgroup/*; do mkdir -p "$hierarchy/$cgroup"; done
fi

ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip addr add "$address" dev eth0
ip link set eth0 up
# Routing comes before the rewriting of Service addresses: without a route, what runs on the node
# itself could not send to a Service. There is no default route, as nothing is to leave the machine.
ip link add services type bridge
ip link set services up
ip route add "$services" dev services src "${address%/*}"
echo 1 >/proc/sys/net/ipv4/ip_forward

# keep FILE: runs the component of the file for as long as the node lives.
keep() {
  local command log status
  log=$folder/logs/${1##*/}.log
  mapfile -d '' -t command <"$1"
  while :; do
    "${command[@]}" >>"$log" 2>&1
    status=$?
    echo "### ended with $status, and is started again" >>"$log"
    sleep 1
  done
}

for file in "$folder"/components/first/*; do keep "$file" & done
until (: <>/dev/tcp/127.0.0.1/6443) 2>/dev/null; do sleep 0.1; done
for file in "$folder"/components/after/*; do keep "$file" & done

while :; do
  wait
  sleep 1
done
