#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Lead the ports of a DevStack that runs in a VirtualBox machine to this host,
# so that a nova-compute here reaches it; or take them away again.
#
# The machine's adapter has to be attached to NAT.  What is there already is
# left as it is.  https://www.virtualbox.org/manual/ch06.html#natforward

set -o errexit -o nounset -o pipefail

# NAME PORT; blanks and commas would part a rule.
RULES='
message-broker 5672
iscsi-target 3260
block-storage 8776
networking 9696
identity 5000
image 9292
image-registry 9191
http 80
http-alternate 8080
https 443
'

usage() {
    cat <<'USAGE'
usage: nat_rules.sh [OPTION]... add|remove|show MACHINE

  add       lead the ports of DevStack's services to this host
  remove    take these rules away
  show      print the rules that there are, of these

  --adapter N         the network adapter of the machine, 1 to 8 (1)
  --host-ip ADDRESS   where this host listens (127.0.0.1)
  --guest-ip ADDRESS  the address of DevStack (10.0.2.15)
  --offset N          added to the ports on this host (0); ports below 1024
                      are for root alone
  --identity-port N   5000, or 35357 for an old Keystone (5000)
  --only PORT,...     only the rules of these ports of DevStack

VBOX_MANAGE is the program VBoxManage, if it is not in PATH.
USAGE
}

fail() {
    echo "nat_rules.sh: $*" >&2
    exit 2
}

need_number() {
    # NAME VALUE LEAST MOST
    if [[ ! $2 =~ ^(0|[1-9][0-9]{0,4})$ ]] || (($2 < $3 || $2 > $4)); then
        fail "$1 is '$2': give a number from $3 to $4"
    fi
}

need_address() {
    # NAME VALUE
    local part parts
    IFS=. read -r -a parts <<<"$2"
    if [[ ! $2 =~ ^[0-9]+(\.[0-9]+){3}$ ]]; then
        fail "$1 is '$2': give an IPv4 address"
    fi
    for part in "${parts[@]}"; do
        if [[ ! $part =~ ^[0-9]{1,3}$ ]] || ((10#$part > 255)); then
            fail "$1 is '$2': give an IPv4 address"
        fi
    done
}

vbox() {
    "$manage" -q "$@"
}

machine_info() {
    vbox showvminfo "$machine" --machinereadable
}

# Print NAME,PROTOCOL,HOSTIP,HOSTPORT,GUESTIP,GUESTPORT of each rule of the
# adapter.
# VBoxManage lists the rules of an adapter right behind it, without its number.
existing() {
    machine_info | awk -v adapter="$adapter" '
        /^nic[0-9]+=/ {
            here = (substr($0, 4, index($0, "=") - 4) == adapter)
        }
        here && /^Forwarding\([0-9]+\)=/ {
            sub(/^[^"]*"/, "")
            sub(/"$/, "")
            print
        }'
}

modify() {
    # A machine that runs, or has been paused, is changed by its process.
    case $state in
    running | paused) vbox controlvm "$machine" "natpf$adapter" "$@" ;;
    poweroff | aborted)
        if [[ $1 == delete ]]; then
            vbox modifyvm "$machine" "--natpf$adapter" delete "$2"
        else
            vbox modifyvm "$machine" "--natpf$adapter" "$1"
        fi
        ;;
    *) fail "the machine '$machine' is in the state '$state': start it, or" \
        "power it off" ;;
    esac
}

# Call a function with NAME and PORT of each rule that is meant.
each_rule() {
    local name port
    while read -r name port; do
        if [[ -z $name ]]; then
            continue
        fi
        if [[ $name == identity ]]; then
            port=$identity_port
        fi
        if [[ -z $only || ,$only, == *,$port,* ]]; then
            "$1" "nova-$name" "$port"
        fi
    done <<<"$RULES"
}

add_rule() {
    local rule=$1,tcp,$host_ip,$(($2 + offset)),$guest_ip,$2
    if grep -qxF -- "$rule" <<<"$there"; then
        echo "$rule is there already"
        return
    fi
    if grep -q -- "^$1," <<<"$there"; then
        # The same service, led elsewhere before.
        modify delete "$1"
    fi
    modify "$rule"
    echo "$rule"
}

remove_rule() {
    if grep -q -- "^$1," <<<"$there"; then
        modify delete "$1"
        echo "$1 removed"
    fi
}

show_rule() {
    grep -- "^$1," <<<"$there" || true
}

check_port() {
    ports+=,$2
    if (($2 + offset > 65535)); then
        fail "--offset is '$offset': port $2 would be more than 65535"
    fi
}

check_only() {
    local port
    for port in ${only//,/ }; do
        if [[ ,$ports, != *,$port,* ]]; then
            fail "--only has '$port': choose from ${ports#,}"
        fi
    done
}

adapter=1
host_ip=127.0.0.1
guest_ip=10.0.2.15
offset=0
identity_port=5000
only=''
manage=${VBOX_MANAGE:-VBoxManage}

while [[ ${1:-} == -* ]]; do
    case $1 in
    -h | --help)
        usage
        exit
        ;;
    --adapter | --host-ip | --guest-ip | --offset | --identity-port | --only)
        if (($# < 2)); then
            fail "$1 needs a value"
        fi
        name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift 2
        ;;
    *) fail "there is no option '$1': see --help" ;;
    esac
done
if (($# != 2)); then
    usage >&2
    exit 2
fi
action=$1
machine=$2

case $action in
add | remove | show) ;;
*) fail "the action is '$action': choose add, remove or show" ;;
esac
need_number --adapter "$adapter" 1 8
need_number --offset "$offset" 0 65535
need_number --identity-port "$identity_port" 1 65535
need_address --host-ip "$host_ip"
need_address --guest-ip "$guest_ip"
wanted=$only
only=''
ports=''
each_rule check_port
only=$wanted
check_only

if ! command -v "$manage" >/dev/null; then
    fail "VBOX_MANAGE is '$manage', and there is no such program"
fi
if ! info=$(machine_info 2>&1); then
    fail "VirtualBox has no machine '$machine': choose from $(
        vbox list vms | cut -d'"' -f2 | paste -sd' ')"
fi
state=$(sed -n 's/^VMState="\(.*\)"$/\1/p' <<<"$info")
if ! grep -qx "nic$adapter=\"nat\"" <<<"$info"; then
    fail "the adapter $adapter of '$machine' is attached to" \
        "$(sed -n "s/^nic$adapter=//p" <<<"$info"): attach it to NAT, or" \
        "choose another one with --adapter"
fi
there=$(existing)
each_rule "${action}_rule"
