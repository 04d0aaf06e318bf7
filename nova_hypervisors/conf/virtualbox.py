# SPDX-License-Identifier: Apache-2.0
from oslo_config import cfg

from nova_hypervisors.conf import certificates
from nova_hypervisors.conf import guests
from nova_hypervisors.conf import machines
from nova_hypervisors.conf import transfer
from nova_hypervisors.conf import webservice

GROUP = cfg.OptGroup(
    'virtualbox',
    title='VirtualBox',
    help="""
How the VirtualBox driver talks to VirtualBox, and what its machines are like.

Used when ``[DEFAULT] compute_driver`` is
``nova_hypervisors.VirtualBoxDriver``.
""")

BACKEND_OPTS = [
    cfg.StrOpt(
        'backend',
        default='vboxmanage',
        choices=[
            ('vboxmanage', 'Run the VBoxManage program on this host.'),
            ('webservice', "Call VirtualBox's web service, vboxwebsrv."),
        ],
        help="""
The way in which VirtualBox is reached.

Related options:

* ``vboxmanage_cmd`` with ``vboxmanage``
* ``webservice_url`` with ``webservice``
"""),
]

VBOXMANAGE_OPTS = [
    cfg.StrOpt(
        'vboxmanage_cmd',
        default='VBoxManage',
        help="""
The VBoxManage program.

Possible values:

* A name that is looked up in ``PATH``, or a path.  It is executed as it is,
  without a shell: a path with spaces needs no quotes.

On Debian and Ubuntu ``/usr/lib/virtualbox/VBoxManage`` is the program itself;
``/usr/bin/VBoxManage`` is a wrapper that takes longer.
"""),
    cfg.IntOpt(
        'retry_count',
        default=3,
        min=0,
        help="""
How often a command that failed is tried again.

Only failures that can go away are tried again: a machine that another process
has locked, or a VirtualBox that was just ending.

Related options:

* ``retry_interval``
"""),
    cfg.FloatOpt(
        'retry_interval',
        default=1,
        min=0,
        help="""
Seconds between two tries of the same command.

Related options:

* ``retry_count``
"""),
    cfg.FloatOpt(
        'command_timeout',
        default=60.0,
        min=1.0,
        help="""
Seconds after which a command that gives no answer is ended.

Copying a disk and saving a machine's memory take as long as there is data:
see ``copy_timeout``.
"""),
    cfg.FloatOpt(
        'copy_timeout',
        default=3600.0,
        min=1.0,
        help="""
Seconds after which a command that copies data is ended.

It limits converting an image, cloning a disk and saving a machine's memory.
"""),
    cfg.StrOpt(
        'home',
        sample_default='$HOME/.config/VirtualBox',
        help="""
The folder with VirtualBox's own settings, VirtualBox.xml above all.

Possible values:

* A path.  It is handed to VirtualBox as ``VBOX_USER_HOME``, so that machines
  of this service are kept apart from those of other users of VirtualBox.
* Unset: VirtualBox's default for the user that runs nova-compute.
"""),
    cfg.FloatOpt(
        'state_poll_interval',
        default=3.0,
        min=1.0,
        help="""
Seconds between two looks at the machines' states.

A machine that was started, paused or stopped outside Nova is reported to Nova
after this time at the latest.  One look runs VBoxManage twice, whatever the
number of machines.  VirtualBox's daemon ends when it was not asked anything
for five seconds, and starts again with the next question: with fewer than five
seconds it stays.
"""),
]

DISPLAY_OPTS = [
    cfg.BoolOpt(
        'remote_display',
        default=False,
        help="""
Whether machines get a remote display (VirtualBox calls it VRDE).

Nova's VNC consoles need it, with the extension pack "VNC".

Related options:

* ``vrde_module`` names the extension pack.
"""),
    cfg.StrOpt(
        'vrde_module',
        default='Oracle VM VirtualBox Extension Pack',
        help="""
The extension pack that serves the remote display.

Possible values:

* The name of a pack in ``VBoxManage list extpacks``: "VNC" serves VNC,
  "Oracle VM VirtualBox Extension Pack" serves RDP.  Since VirtualBox 7.1 the
  latter is called "Oracle VirtualBox Extension Pack"; both names mean it.
"""),
    cfg.StrOpt(
        'vrde_port',
        default='3389',
        help="""
The ports on which remote displays listen.

Possible values:

* A port (``3389``), a range (``5900-6000``), or several of these with commas
  between.  A machine that is started takes the first one that is free.

Related options:

* ``vrde_unique_port``
* ``[vnc] server_listen`` is the address on which they listen.
"""),
    cfg.BoolOpt(
        'vrde_unique_port',
        default=False,
        help="""
Whether each machine gets a remote display port of its own.

If it is on, a server keeps its port for as long as it exists, and no other
server of this host gets it.  If it is off, a server that is started takes the
first port of ``vrde_port`` that is free; if there is none, it has no display.

Related options:

* ``vrde_port`` has to name as many ports as there are servers.
"""),
    cfg.BoolOpt(
        'vrde_require_instance_uuid_as_password',
        default=False,
        help="""
Whether the UUID of a server is the password of its remote display.

It is meant for people who connect to the hypervisor's host directly.  If it
is off, each display gets a password of its own, which ``nova-hypervisors
console --password`` shows.  Nova's consoles work either way.  RDP clients log
on as the user ``nova``.

Related options:

* ``vrde_password_length``
"""),
    cfg.IntOpt(
        'vrde_password_length',
        min=1,
        max=36,
        help="""
The length to which a remote display's password is cut.

VNC uses the first eight characters of a password and ignores the rest.
VirtualBox's VNC server takes no password of more than 20 characters, so none
gets more.

Related options:

* ``vrde_require_instance_uuid_as_password``
"""),
    cfg.PortOpt(
        'console_port',
        default=6084,
        help="""
The port on which this service hands out consoles to Nova's console proxies.

nova-novncproxy can't talk to VirtualBox's VNC server, which insists on a
password.  So this service listens on ``[vnc] server_proxyclient_address`` and
this port, knows the password and passes everything else on.  In the same way
nova-serialproxy gets serial ports, on ``[serial_console]
proxyclient_address``.  The port has to be reachable from the console proxies
only, and differs between services on one host.

Related options:

* ``[serial_console] enabled``
"""),
    cfg.IntOpt(
        'console_log_size',
        default=1024,
        min=1,
        help="""
Kibibytes of a server's serial console output that are kept at least.

What the guest writes while this service is not running is lost.
"""),
]

OPTS = [*BACKEND_OPTS, *webservice.OPTS, *VBOXMANAGE_OPTS, *DISPLAY_OPTS,
        *certificates.OPTS, *machines.OPTS, *guests.OPTS, *transfer.OPTS,
        *transfer.TELEPORT_OPTS]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
