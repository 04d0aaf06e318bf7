# SPDX-License-Identifier: Apache-2.0
"""Those options of a driver that are about what is in guests."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        'guest_user',
        help="""
An account that the guests have, by which passwords are set in them.

``openstack server set --password`` sets the password of root (of
Administrator, if the image has ``os_type`` ``windows``).  The
hypervisor does it through its tools (VirtualBox's Guest Additions, VMware
Tools), which have to run in the guest, and logs on there with this account,
which has to be allowed to set passwords.  If it is unset,
passwords are not set.

Related options:

* ``guest_password_file``
"""),
    cfg.StrOpt(
        'guest_password_file',
        help="""
The file with the password of ``guest_user``, in its first line.

Possible values:

* The path of a file that only the user of nova-compute can read.
"""),
]
