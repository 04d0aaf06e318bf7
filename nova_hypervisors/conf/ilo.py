# SPDX-License-Identifier: Apache-2.0
"""The options of ``[ilo]``: virtual media of servers, HPE's above all."""

from oslo_config import cfg

from nova_hypervisors.conf import iloclient

GROUP = cfg.OptGroup(
    'ilo',
    title='Virtual media and iLO',
    help="""
How nodes are booted by the virtual drives of their controllers.

Used when ``[DEFAULT] compute_driver`` is ``nova_hypervisors.BareMetalDriver``.
""")

OPTS = [
    cfg.StrOpt(
        'swift_ilo_container',
        default='ironic_ilo_container',
        help="""
The container in which images for virtual drives are put.

One of its own is best: who may read it can read what nodes are told.
"""),
    cfg.IntOpt(
        'deploy_helper_images_ttl',
        default=10,
        min=1,
        help="""
Minutes after which the image of a node's virtual floppy and the URLs of its
virtual media end by themselves.

A node reads its virtual CD all the time that it runs from it: the time has to
be enough for its firmware and the deploy ramdisk to start.
"""),
    *iloclient.OPTS,
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)
