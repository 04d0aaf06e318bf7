# SPDX-License-Identifier: Apache-2.0
"""The options of ``[vmware]`` that Nova does not have.

Nova declares the group, for its own driver for vCenter, and this driver reads
some of its options.  None of them is declared here again, because oslo.config
takes a second declaration of a name only if it is the same.
"""

from oslo_config import cfg

from nova_hypervisors.conf import certificates
from nova_hypervisors.conf import esxmachines
from nova_hypervisors.conf import guests
from nova_hypervisors.conf import transfer

GROUP = cfg.OptGroup(
    'vmware',
    title='VMware ESX',
    help="""
How the driver for single ESX hosts talks to its host, and what its machines
are like.

Used when ``[DEFAULT] compute_driver`` is ``nova_hypervisors.VMwareESXDriver``.
Of Nova's own options in this section it reads ``host_ip``, ``host_port``,
``host_username``, ``host_password``, ``ca_file``, ``insecure``,
``datastore_regex`` and ``api_retry_count``, and no others.
""")

HOST_OPTS = [
    cfg.StrOpt(
        'host_password_file',
        help="""
A file whose first line is the password of ``host_username``.

It is read at each log-in.

Possible values:

* The path of a file that only the user of nova-compute can read.

Related options:

* ``host_password`` is not read then.
"""),
    cfg.StrOpt(
        'wsdl_location',
        sample_default='http://web.example.org/vimService.wsdl',
        help="""
Where the description of the host's API is: vimService.wsdl, with the files
that it names beside it.

Possible values:

* A URL (``http``, ``https`` or ``file``), or the path of a file.
* Unset: what comes with this package.
"""),
    cfg.FloatOpt(
        'connect_timeout',
        default=10.0,
        min=0.1,
        help="""
Seconds after which a connection to the host that does not come about is given
up.

Related options:

* ``request_timeout`` is the limit of an answer.
"""),
    cfg.FloatOpt(
        'request_timeout',
        default=60.0,
        min=1.0,
        help="""
Seconds after which the host's answer to a call is no longer waited for.

What takes longer is a task of the host, which is answered at once and has a
limit of its own: ``task_timeout``.
"""),
    cfg.FloatOpt(
        'task_timeout',
        default=3600.0,
        min=1.0,
        help="""
Seconds after which a task of the host that has not ended is given up.

It limits copying and extending a disk, merging a snapshot, and everything else
that the host does with data.  Converting an image on this computer has the
same limit.
"""),
    cfg.FloatOpt(
        'retry_interval',
        default=1.0,
        min=0.0,
        help="""
Seconds between two tries of the same call.

Only failures that can go away are tried again.

Related options:

* ``api_retry_count`` says how often.
"""),
]

CONSOLE_OPTS = [
    cfg.StrOpt(
        'screen_protocol',
        default='webmks',
        choices=[
            ('webmks', 'WebMKS: a web socket that hosts since ESXi 6.0 have.'),
            ('none', 'Servers have no VNC console.'),
        ],
        help="""
How this service gets the screens that it hands out to nova-novncproxy.

The host gives a ticket for each connection, which is good once.  Its VNC
server, which ESXi 7.0 has no more, is not used.

Related options:

* ``console_port``
"""),
    cfg.PortOpt(
        'console_port',
        default=6084,
        help="""
The port on which this service hands out consoles to Nova's console proxies.

nova-novncproxy knows neither WebMKS nor passwords.  So this service listens on
``[vnc] server_proxyclient_address`` and this port, and connects to the host
itself.  The port has to be reachable from the console proxies only, and
differs between services on one host.
"""),
    cfg.BoolOpt(
        'console_log',
        default=True,
        help="""
Whether servers have a serial port whose output the host keeps in a file.

``openstack console log show`` shows the end of the file.  It is in the
server's folder on the datastore, and nothing limits its size.
"""),
    cfg.StrOpt(
        'serial_ports',
        sample_default='7000-7999',
        help="""
The ports of the host on which the serial ports of servers are reached.

A server that is made then has a second serial port (``ttyS1`` of Linux,
``COM2`` of Windows), to which ``openstack console url show --serial`` leads.
The first one is that of ``console_log``.

The host asks nobody for a password there, and encrypts nothing: let only this
service reach these ports.  Its firewall has to let them in ("VM serial port
connected over network").

Possible values:

* A port, a range (``7000-7999``), or several of these with commas between.
  Each server takes one for as long as it exists.
* Unset: servers have no such port.

Related options:

* ``[serial_console] enabled`` and ``proxyclient_address``
* ``console_port``
"""),
    *certificates.OPTS,
]

OPTS = [*HOST_OPTS, *esxmachines.OPTS, *CONSOLE_OPTS, *guests.OPTS,
        *transfer.OPTS]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """:param conf: Nova's, with its own options of the group"""
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
