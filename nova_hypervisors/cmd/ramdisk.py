# SPDX-License-Identifier: Apache-2.0
"""``nova-hypervisors ramdisk build``: make the ramdisk that installs."""

from __future__ import annotations

import argparse
from pathlib import Path

from cliff import command

from nova_hypervisors.clients import errors


class Build(command.Command):
    """Build the deploy ramdisk and its ISO image from Debian's packages.

    Needs Debian or Ubuntu with "apt-get update" done, and the packages cpio,
    isolinux, syslinux-common, grub-common, grub-efi-amd64-bin, dosfstools
    and mtools; neither root nor an installation of anything else.  Upload
    deploy.iso to Glance, and give its ID to the nodes as deploy_iso.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('folder', type=Path,
                            help='Where the files are written.')
        parser.add_argument(
            '--kernel-package', default='linux-image-amd64',
            metavar='PACKAGE', help='The kernel; linux-image-cloud-amd64 is '
            'smaller, and enough for virtual machines. Default: %(default)s')
        parser.add_argument(
            '--package', action='append', default=[], metavar='PACKAGE',
            help='One more package whose firmware is put in, such as '
            'firmware-bnx2. Can be repeated.')
        parser.add_argument(
            '--kernel-append', default='', metavar='TEXT',
            help='More parameters of the kernel.')
        parser.add_argument(
            '--boot-mode', action='append', choices=('bios', 'uefi'),
            help='How the ISO image boots. Can be repeated. Default: both')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        # Of the extra "baremetal", which others need not have.
        from nova_hypervisors.baremetal import media
        from nova_hypervisors.baremetal.ramdisk import builder
        recipe = builder.Recipe(
            kernel_package=parsed_args.kernel_package,
            more_packages=tuple(parsed_args.package),
            kernel_append=parsed_args.kernel_append,
            boot_modes=tuple(parsed_args.boot_mode
                             or (media.BIOS, media.UEFI)))
        try:
            built = builder.build(recipe, parsed_args.folder)
        except (errors.ClientError, OSError) as error:
            self.app.stderr.write(f'{error}\n')
            return 1
        for path in (built.kernel, built.ramdisk, built.iso):
            self.app.stdout.write(
                f'{path} {path.stat().st_size / (1 << 20):.1f} MiB\n')
        return 0
