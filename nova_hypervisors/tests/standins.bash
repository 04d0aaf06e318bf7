# SPDX-License-Identifier: Apache-2.0
# Stand-ins of what devstack's documentation says that plugins may call.  They
# write down what they were told, in $CALLS, or do it.
# shellcheck shell=bash

function _called {
    printf '%s\n' "$*" >>"$CALLS"
}

function is_service_enabled {
    local service
    for service in "$@"; do
        if [[ ,$ENABLED_SERVICES, == *,$service,* ]]; then
            return 0
        fi
    done
    return 1
}

function die {
    shift
    echo "ERROR: $*" >&2
    exit 1
}

function warn {
    shift
    echo "WARNING: $*"
}

function iniset {
    local file=$1 written
    written=$(SECTION=[$2] OPTION=$3 VALUE=$4 awk '
        function add() {
            if (here && !done) print ENVIRON["OPTION"] " = " ENVIRON["VALUE"]
            done = done || here
        }
        /^\[/ { add(); here = ($0 == ENVIRON["SECTION"]) }
        here && $1 == ENVIRON["OPTION"] && $2 == "=" { add(); next }
        { print }
        END {
            if (!done && !here) print ENVIRON["SECTION"]
            here = 1
            add()
        }' "$file")
    printf '%s\n' "$written" >"$file"
}

function iniget {
    SECTION=[$2] OPTION=$3 awk '
        /^\[/ { here = ($0 == ENVIRON["SECTION"]) }
        here && $1 == ENVIRON["OPTION"] && $2 == "=" {
            sub(/^[^=]*= */, "")
            print
        }' "$1"
}

function get_python_exec_prefix {
    echo "$EXEC_PREFIX"
}

function install_package {
    _called install_package "$@"
}

function pip_install {
    _called pip_install "$@"
}

function pip_uninstall {
    _called pip_uninstall "$@"
}

function async_wait {
    _called async_wait "$@"
}

function stop_process {
    _called stop_process "$@"
}

function openstack {
    _called openstack "$@"
}

if [[ -n ${DEVSTACK_DIR:-} ]]; then
    # shellcheck source=/dev/null
    source "$DEVSTACK_DIR/inc/ini-config"
fi
