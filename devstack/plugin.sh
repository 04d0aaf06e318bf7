# SPDX-License-Identifier: Apache-2.0
# nova-compute of DevStack with a driver of nova_hypervisors.
#
# DevStack reads this file once for each phase, with the phase as arguments.
# https://docs.openstack.org/devstack/latest/plugins.html
# shellcheck shell=bash

_NOVA_HYPERVISORS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What each hypervisor is called elsewhere: the driver, the mechanism driver of
# Neutron, and the extra of the package.
declare -gA _NOVA_HYPERVISORS_DRIVER=(
    [virtualbox]=VirtualBoxDriver [esx]=VMwareESXDriver
    [baremetal]=BareMetalDriver)
declare -gA _NOVA_HYPERVISORS_MECHANISM=(
    [virtualbox]=vbox [esx]=esx [baremetal]='')
declare -gA _NOVA_HYPERVISORS_EXTRA=(
    [virtualbox]='' [esx]=vmware [baremetal]=baremetal)

function nova_hypervisors_check_settings {
    if [[ -z ${_NOVA_HYPERVISORS_DRIVER[$NOVA_HYPERVISOR]:-} ]]; then
        die $LINENO "NOVA_HYPERVISOR is '$NOVA_HYPERVISOR': set it to" \
            "virtualbox, esx or baremetal in local.conf"
    fi
    if ! is_service_enabled n-cpu; then
        return
    fi
    if [[ $NOVA_HYPERVISOR == esx ]]; then
        _nova_hypervisors_need ESX_HOST 'the name that its certificate has'
        _nova_hypervisors_need_file ESX_PASSWORD_FILE
        if [[ -n $ESX_CA_FILE ]]; then
            _nova_hypervisors_need_file ESX_CA_FILE
        fi
    elif [[ $NOVA_HYPERVISOR == baremetal ]]; then
        _nova_hypervisors_need_file BAREMETAL_NODES_FILE
    elif [[ $VBOX_BACKEND != webservice ]]; then
        if ! command -v "$VBOX_MANAGE" >/dev/null; then
            die $LINENO "VBOX_MANAGE is '$VBOX_MANAGE', and there is no such" \
                "program: install VirtualBox, or say where VBoxManage is"
        fi
    elif [[ -n $VBOX_WEBSERVICE_PASSWORD_FILE ]]; then
        _nova_hypervisors_need_file VBOX_WEBSERVICE_PASSWORD_FILE
    fi
}

function _nova_hypervisors_need {
    if [[ -z ${!1} ]]; then
        die $LINENO "$1 is not set: set it to $2 in local.conf"
    fi
}

function _nova_hypervisors_need_file {
    _nova_hypervisors_need "$1" 'the path of a file'
    if [[ ! -r ${!1} ]]; then
        die $LINENO "$1 is '${!1}', which $STACK_USER cannot read"
    fi
}

function _nova_hypervisors_run {
    "$(get_python_exec_prefix)/nova-hypervisors" "$@"
}

function nova_hypervisors_install {
    local extra=${_NOVA_HYPERVISORS_EXTRA[$NOVA_HYPERVISOR]}
    if ! is_service_enabled n-cpu; then
        # Neutron's mechanism drivers need none of them.
        extra=''
    fi
    # Not setup_develop: two packages with a folder nova/ cannot both be
    # installed with "pip install -e".
    pip_install \
        "${NOVA_HYPERVISORS_REQUIREMENT:-$_NOVA_HYPERVISORS_DIR${extra:+[$extra]}}"
    if is_service_enabled n-cpu; then
        # Nova finds drivers in its own package only, and is a checkout here.
        _nova_hypervisors_run link
    fi
}

function nova_hypervisors_pre_install {
    if is_service_enabled n-cpu; then
        install_package qemu-utils
    fi
}

function nova_hypervisors_configure_nova {
    if type -t async_wait >/dev/null; then
        # It writes to the same file at the same time.
        async_wait configure_neutron_nova
    fi
    iniset "$NOVA_CONF" DEFAULT compute_driver \
        "nova_hypervisors.${_NOVA_HYPERVISORS_DRIVER[$NOVA_HYPERVISOR]}"
    "_nova_hypervisors_configure_$NOVA_HYPERVISOR"
}

function _nova_hypervisors_set {
    # Leave out what nobody has set: the default may be another one.
    if [[ -n $3 ]]; then
        iniset "$NOVA_CONF" "$1" "$2" "$3"
    fi
}

function _nova_hypervisors_configure_virtualbox {
    iniset "$NOVA_CONF" virtualbox backend "$VBOX_BACKEND"
    iniset "$NOVA_CONF" virtualbox physical_network_mappings \
        "$VBOX_NETWORK_MAPPINGS"
    iniset "$NOVA_CONF" virtualbox remote_display "$VBOX_REMOTE_DISPLAY"
    iniset "$NOVA_CONF" virtualbox vrde_module "$VBOX_VRDE_MODULE"
    iniset "$NOVA_CONF" virtualbox vrde_port "$VBOX_VRDE_PORT"
    iniset "$NOVA_CONF" virtualbox vrde_unique_port True
    if [[ $VBOX_BACKEND != webservice ]]; then
        install -d -m 0700 "$VBOX_HOME"
        iniset "$NOVA_CONF" virtualbox vboxmanage_cmd \
            "$(command -v "$VBOX_MANAGE")"
        iniset "$NOVA_CONF" virtualbox home "$VBOX_HOME"
        return
    fi
    iniset "$NOVA_CONF" virtualbox webservice_url "$VBOX_WEBSERVICE_URL"
    _nova_hypervisors_set virtualbox webservice_user "$VBOX_WEBSERVICE_USER"
    _nova_hypervisors_set virtualbox webservice_password_file \
        "$VBOX_WEBSERVICE_PASSWORD_FILE"
    _nova_hypervisors_set virtualbox webservice_ca_file \
        "$VBOX_WEBSERVICE_CA_FILE"
    _nova_hypervisors_set virtualbox webservice_instances_path \
        "$VBOX_WEBSERVICE_INSTANCES_PATH"
}

function _nova_hypervisors_configure_esx {
    iniset "$NOVA_CONF" vmware host_ip "$ESX_HOST"
    iniset "$NOVA_CONF" vmware host_username "$ESX_USERNAME"
    iniset "$NOVA_CONF" vmware host_password_file "$ESX_PASSWORD_FILE"
    iniset "$NOVA_CONF" vmware physical_network_mappings \
        "$ESX_NETWORK_MAPPINGS"
    _nova_hypervisors_set vmware ca_file "$ESX_CA_FILE"
    _nova_hypervisors_set vmware vlan_mappings "$ESX_VLAN_MAPPINGS"
}

function _nova_hypervisors_configure_baremetal {
    local nodes
    iniset "$NOVA_CONF" DEFAULT force_config_drive True
    # Here and not later: nova-compute shows what nodes it has as soon as it
    # is started.
    nodes=$(_nova_hypervisors_run node list --config-file "$NOVA_CONF" \
        -f value)
    if [[ -z $nodes ]]; then
        _nova_hypervisors_run node create --config-file "$NOVA_CONF" \
            --file "$BAREMETAL_NODES_FILE"
    fi
}

function nova_hypervisors_configure_neutron {
    local mechanism=${_NOVA_HYPERVISORS_MECHANISM[$NOVA_HYPERVISOR]}
    local conf=/$Q_PLUGIN_CONF_FILE
    local drivers pairs host network
    if [[ -z $mechanism ]]; then
        return
    fi
    drivers=$(iniget "$conf" ml2 mechanism_drivers)
    if [[ ,$drivers, != *,$mechanism,* ]]; then
        # Before the others.  It binds servers' ports on the hosts that are
        # named, where Open vSwitch may well be, for routers and DHCP.
        iniset "$conf" ml2 mechanism_drivers "$mechanism${drivers:+,$drivers}"
    fi
    pairs=''
    for host in ${NOVA_HYPERVISORS_HOSTS//,/ }; do
        for network in ${NOVA_HYPERVISORS_NETWORKS//,/ }; do
            pairs+=${pairs:+,}$host:$network
        done
    done
    iniset "$conf" "ml2_$mechanism" physical_networks "$pairs"
}

function nova_hypervisors_create_flavors {
    local flavor name class ram vcpus disk
    for flavor in ${BAREMETAL_FLAVORS//,/ }; do
        IFS=: read -r name class ram vcpus disk <<<"$flavor"
        if [[ -z $disk ]]; then
            die $LINENO "BAREMETAL_FLAVORS has '$flavor': write" \
                "NAME:RESOURCE_CLASS:RAM_MB:VCPUS:DISK_GB"
        fi
        class=${class^^}
        openstack --os-cloud devstack-admin flavor create "$name" \
            --ram "$ram" --vcpus "$vcpus" --disk "$disk" \
            --property "resources:CUSTOM_${class//[^A-Z0-9]/_}=1" \
            --property resources:VCPU=0 \
            --property resources:MEMORY_MB=0 \
            --property resources:DISK_GB=0
    done
}

function nova_hypervisors_check {
    # nova-cpu.conf is complete now, and nova-compute has been started with it.
    if ! _nova_hypervisors_run check --config-file "$NOVA_CPU_CONF"; then
        warn $LINENO "nova-compute does not work yet: see above"
    fi
}

# Take what nova-compute has made out of VirtualBox.  The next stack.sh makes a
# cloud that would know nothing of it.
function nova_hypervisors_delete_machines {
    local line uuid key
    if [[ $NOVA_HYPERVISOR != virtualbox || $VBOX_BACKEND == webservice
            || ! -d $VBOX_HOME ]]; then
        return
    fi
    while read -r line; do
        # "name" {UUID}
        uuid=${line##*\{}
        uuid=${uuid%\}}
        _nova_hypervisors_vbox controlvm "$uuid" poweroff || true
        _nova_hypervisors_vbox unregistervm "$uuid" --delete || true
    done < <(_nova_hypervisors_vbox list vms)
    # Whose they were.
    while read -r line; do
        # Key: KEY, Value: VALUE
        key=${line#Key: }
        key=${key%%, Value:*}
        if [[ $key == nova_hypervisors/* ]]; then
            _nova_hypervisors_vbox setextradata global "$key"
        fi
    done < <(_nova_hypervisors_vbox getextradata global enumerate)
}

function _nova_hypervisors_vbox {
    # The socket as the driver names it (clients/vbox/settings.py), or another
    # VBoxSVC would answer than the one that has the machines.
    local socket
    socket=nova-$(printf %s "$VBOX_HOME" | sha256sum | cut -c 1-12)
    VBOX_IPC_SOCKETID=$socket VBOX_USER_HOME=$VBOX_HOME \
        "$VBOX_MANAGE" -q "$@" </dev/null
}

function nova_hypervisors_unstack {
    if is_service_enabled n-cpu; then
        # It would see its machines go, and report them.
        stop_process n-cpu
        nova_hypervisors_delete_machines
        _nova_hypervisors_run link --remove || true
    fi
}

function nova_hypervisors_clean {
    nova_hypervisors_unstack
    pip_uninstall nova-hypervisors || true
    if [[ -n $NOVA_HYPERVISORS_DATA_DIR ]]; then
        rm -rf "$NOVA_HYPERVISORS_DATA_DIR"
    fi
}

function _nova_hypervisors_phase {
    local neutron=false
    if is_service_enabled q-svc neutron-api; then
        neutron=true
    fi
    if [[ $1 == unstack ]]; then
        nova_hypervisors_unstack
    elif [[ $1 == clean ]]; then
        nova_hypervisors_clean
    elif ! is_service_enabled n-cpu && [[ $neutron == false ]]; then
        return
    elif [[ $1/$2 == stack/pre-install ]]; then
        nova_hypervisors_check_settings
        nova_hypervisors_pre_install
    elif [[ $1/$2 == stack/install ]]; then
        nova_hypervisors_install
    elif [[ $1/$2 == stack/post-config ]]; then
        if is_service_enabled n-cpu; then
            nova_hypervisors_configure_nova
        fi
        if [[ $neutron == true ]]; then
            nova_hypervisors_configure_neutron
        fi
    elif [[ $1/$2 == stack/extra ]]; then
        if is_service_enabled n-api; then
            nova_hypervisors_create_flavors
        fi
        if is_service_enabled n-cpu; then
            nova_hypervisors_check
        fi
    fi
}

_nova_hypervisors_phase "${1:-}" "${2:-}"
