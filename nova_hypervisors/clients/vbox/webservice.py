# SPDX-License-Identifier: Apache-2.0
"""VirtualBox through its web service, here or on another host.

What it can do beside VBoxManage: nothing is locked by looking, no process is
started.  It is run with VirtualBox 7.2; what 7.0 wants otherwise is from the
WSDL that was published with it (:class:`.version.Quirks`).
"""

from __future__ import annotations

import contextlib
import threading
import uuid as uuid_module
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import PurePath

from nova_hypervisors.clients import errors
from nova_hypervisors.clients.vbox import api
from nova_hypervisors.clients.vbox import parse
from nova_hypervisors.clients.vbox import version
from nova_hypervisors.clients.vbox import webdisplay
from nova_hypervisors.clients.vbox import webfiles
from nova_hypervisors.clients.vbox import webguests
from nova_hypervisors.clients.vbox import weblogon
from nova_hypervisors.clients.vbox import webluns
from nova_hypervisors.clients.vbox import webmachines
from nova_hypervisors.clients.vbox import webmedia
from nova_hypervisors.clients.vbox import webnics
from nova_hypervisors.clients.vbox import websession
from nova_hypervisors.clients.vbox import webteleport

WebSession = websession.WebSession

_STATES = {
    'PoweredOff': api.MachineState.OFF,
    'Teleported': api.MachineState.DEPARTED,
    'TeleportingIn': api.MachineState.ARRIVING,
    'Saved': api.MachineState.SAVED,
    'AbortedSaved': api.MachineState.SAVED,
    'Aborted': api.MachineState.ABORTED,
    'Stuck': api.MachineState.ABORTED,
    'Paused': api.MachineState.PAUSED,
    'TeleportingPausedVM': api.MachineState.PAUSED,
    'DeletingSnapshotPaused': api.MachineState.PAUSED,
    # Without a process, on the way to something.
    'RestoringSnapshot': api.MachineState.OFF,
    'DeletingSnapshot': api.MachineState.OFF,
    'SettingUp': api.MachineState.OFF,
    'Snapshotting': api.MachineState.OFF,
    'Null': api.MachineState.INACCESSIBLE,
}

_ARCHITECTURES = {'x86': 'x86_64', 'ARM': 'aarch64'}

_NETWORKS = {
    api.AttachmentKind.HOST_ONLY_NETWORK: (
        'IVirtualBox_getHostOnlyNetworks', 'IHostOnlyNetwork_getNetworkName'),
    api.AttachmentKind.NAT_NETWORK: (
        'IVirtualBox_getNATNetworks', 'INATNetwork_getNetworkName'),
}
_INTERFACE_KINDS = {'Bridged': api.AttachmentKind.BRIDGED,
                    'HostOnly': api.AttachmentKind.HOST_ONLY}

# Limits of what is done soon; of starting with a large memory to fill.
_POWER_S = 60.0


class WebServiceClient(webmachines.WebMachines, webmedia.WebMedia,
                       webluns.WebLuns, webnics.WebNics, webdisplay.WebDisplay,
                       webfiles.WebFiles, webteleport.WebTeleport,
                       webguests.WebGuests):
    """:class:`.interface.RemoteClient` by SOAP.

    :param copy_timeout_s: limit of what takes as long as there is data, in
        seconds: copying disks, saving memory
    :param transfers: connections by which one disk is copied
    """

    def __init__(self, sessions: weblogon.WebSessions,
                 copy_timeout_s: float, transfers: int = 4) -> None:
        self._sessions = sessions
        self._copy_timeout_s = copy_timeout_s
        self._teleports = {}
        self._transfers = transfers
        self._media = threading.Lock()

    def close(self) -> None:
        """Log off."""
        self._sessions.close()

    # The host

    def get_version(self) -> version.Version:
        return self._sessions.version()

    @weblogon.reads
    def host(self, web: WebSession) -> api.Host:
        host = web.text('IVirtualBox_getHost', web.root)
        system = (web.text(f'IHost_get{name}', host)
                  for name in ('OperatingSystem', 'OSVersion'))
        # 7.0 was for one architecture only.
        architecture = (web.text('IHost_getArchitecture', host)
                        if web.quirks.platform_architecture else 'x86')
        return api.Host(
            cpus=int(web.text('IHost_getProcessorOnlineCount', host)),
            cores=int(web.text('IHost_getProcessorOnlineCoreCount', host)),
            memory_mb=int(web.text('IHost_getMemorySize', host)),
            memory_free_mb=int(web.text('IHost_getMemoryAvailable', host)),
            processor=web.text('IHost_getProcessorDescription', host,
                               cpuId=0),
            architecture=_ARCHITECTURES.get(architecture, architecture),
            operating_system=' '.join(system),
            hardware_virtualization=web.text(
                'IHost_getProcessorFeature', host,
                feature='HWVirtEx') == 'true')

    @weblogon.reads
    def extension_packs(self, web: WebSession,
                        candidates: Collection[str] = (),
                        ) -> list[api.ExtensionPack]:
        """Return those of the candidates that are there and usable.

        The web service has no list of them.  But it takes no other for a
        machine's display, and a machine that is never saved is nothing.
        """
        machine = webmachines.create(web, api.MachineSpec(
            uuid=str(uuid_module.uuid4()), name='nova-hypervisors-probe',
            folder=PurePath(), vcpus=1, memory_mb=4))
        server = web.text('IMachine_getVRDEServer', machine)
        found = []
        for name in candidates:
            with contextlib.suppress(errors.NotFound, errors.InvalidState):
                web.call('IVRDEServer_setVRDEExtPack', server,
                         VRDEExtPack=name)
                found.append(api.ExtensionPack(name, '', '', ''))
        return found

    @weblogon.reads
    def host_networks(self, web: WebSession,
                      ) -> Mapping[api.AttachmentKind, frozenset[str]]:
        names: dict[api.AttachmentKind, set[str]] = {
            api.AttachmentKind.BRIDGED: set(),
            api.AttachmentKind.HOST_ONLY: set(),
            api.AttachmentKind.HOST_ONLY_NETWORK: set(),
            api.AttachmentKind.NAT_NETWORK: set()}
        for kind, (plural, getter) in _NETWORKS.items():
            # Not every operating system has each kind.
            with contextlib.suppress(errors.Unsupported):
                names[kind] |= {web.text(getter, network) for network
                                in web.texts(plural, web.root)}
        host = web.text('IVirtualBox_getHost', web.root)
        for interface in web.texts('IHost_getNetworkInterfaces', host):
            name = web.text('IHostNetworkInterface_getInterfaceType',
                            interface)
            if name in _INTERFACE_KINDS:
                names[_INTERFACE_KINDS[name]].add(
                    web.text('IHostNetworkInterface_getName', interface))
        return {kind: frozenset(found) for kind, found in names.items()}

    @weblogon.reads
    def get_extradata(self, web: WebSession,
                      prefix: str) -> Mapping[str, str]:
        keys = web.texts('IVirtualBox_getExtraDataKeys', web.root)
        return {key.removeprefix(prefix): web.text(
            'IVirtualBox_getExtraData', web.root, key=key)
            for key in keys if key.startswith(prefix)}

    @weblogon.changes
    def set_extradata(self, web: WebSession, key: str,
                      value: str | None) -> None:
        # An empty value deletes the key.
        web.call('IVirtualBox_setExtraData', web.root, key=key,
                 value=value or '')

    # Power

    @weblogon.reads
    def machine_state(self, web: WebSession, uuid: str) -> api.MachineState:
        machine = web.listed_machine(uuid)
        return self._states(web, [machine])[0]

    @weblogon.reads
    def machine_states(self, web: WebSession,
                       ) -> Mapping[str, api.MachineState]:
        machines = web.texts('IVirtualBox_getMachines', web.root)
        if not machines:
            return {}
        # References stay the same for as long as the log-on is.
        for reference in set(machines) - web.machine_ids.keys():
            web.machine_ids[reference] = web.text('IMachine_getId', reference)
        states = self._states(web, machines)
        return {web.machine_ids[reference]: state
                for reference, state in zip(machines, states, strict=True)}

    def _states(self, web: WebSession,
                machines: list[str]) -> list[api.MachineState]:
        # What is not named here has a process, and is on its way.
        return [_STATES.get(state, api.MachineState.RUNNING)
                for state in web.texts('IVirtualBox_getMachineStates',
                                       web.root, machines=machines)]

    @weblogon.changes
    def start(self, web: WebSession, uuid: str) -> None:
        machine = web.machine(uuid)
        self._forget_teleporter(web, uuid, machine)
        session = web.new_session()
        try:
            progress = web.when_free(lambda: web.text(
                'IMachine_launchVMProcess', machine, session=session,
                name='headless', environmentChanges=[]))
            web.wait(progress, 'start', self._copy_timeout_s)
        finally:
            web.unlock(session)

    @weblogon.changes
    def power_off(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            progress = web.text('IConsole_powerDown', lock.console)
            web.wait(progress, 'power_off', _POWER_S)
        web.wait_until_unlocked(uuid, _POWER_S)

    @weblogon.changes
    def press_power_button(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            web.call('IConsole_powerButton', lock.console)

    @weblogon.changes
    def inject_nmi(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            web.call('IMachineDebugger_injectNMI',
                     web.text('IConsole_getDebugger', lock.console))

    @weblogon.changes
    def pause(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            web.call('IConsole_pause', lock.console)

    @weblogon.changes
    def resume(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            web.call('IConsole_resume', lock.console)

    @weblogon.changes
    def save_state(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid) as lock:
            progress = web.text('IMachine_saveState', lock.machine)
            web.wait(progress, 'save_state', self._copy_timeout_s)
        web.wait_until_unlocked(uuid, _POWER_S)

    @weblogon.changes
    def discard_state(self, web: WebSession, uuid: str) -> None:
        with web.locked(uuid, 'Write') as lock:
            web.call('IMachine_discardSavedState', lock.machine,
                     fRemoveFile=True)

    # Snapshots, display, statistics

    @weblogon.changes
    def take_snapshot(self, web: WebSession, uuid: str, name: str,
                      live: bool = True) -> None:
        with web.locked(uuid) as lock:
            progress = web.text('IMachine_takeSnapshot', lock.machine,
                                name=name, description='', pause=not live)
            web.wait(progress, 'take_snapshot', self._copy_timeout_s)

    @weblogon.changes
    def delete_snapshot(self, web: WebSession, uuid: str, name: str) -> None:
        with web.locked(uuid) as lock:
            snapshot = web.text('IMachine_findSnapshot', lock.machine,
                                nameOrId=name)
            progress = web.text('IMachine_deleteSnapshot', lock.machine,
                                id=web.text('ISnapshot_getId', snapshot))
            web.wait(progress, 'delete_snapshot', self._copy_timeout_s)

    @weblogon.changes
    def restore_snapshot(self, web: WebSession, uuid: str, name: str) -> None:
        with web.locked(uuid, 'Write') as lock:
            progress = web.text(
                'IMachine_restoreSnapshot', lock.machine,
                snapshot=web.text('IMachine_findSnapshot', lock.machine,
                                  nameOrId=name))
            web.wait(progress, 'restore_snapshot', self._copy_timeout_s)

    @weblogon.reads
    def statistics(self, web: WebSession, uuid: str) -> api.MachineStatistics:
        vcpus = int(web.text('IMachine_getCPUCount', web.machine(uuid)))
        with web.locked(uuid) as lock:
            debugger = web.text('IConsole_getDebugger', lock.console)
            uptime_ms = int(web.text('IMachineDebugger_getUptime', debugger))
            public = web.text('IMachineDebugger_getStats', debugger,
                              pattern='/Public/*', withDescriptions=False)
            times = web.text('IMachineDebugger_getStats', debugger,
                             pattern='/TM/CPU/*', withDescriptions=False)
        nics, disks = parse.statistics(public)
        return api.MachineStatistics(
            uptime_ms // 1000, parse.cpu_times_ns(times, vcpus), nics, disks)
