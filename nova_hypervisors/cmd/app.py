# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import sys
import warnings

from cliff import app
from cliff import commandmanager


class NovaHypervisors(app.App):
    def __init__(self) -> None:
        super().__init__(
            description='Look after the compute drivers of nova-hypervisors.',
            version=importlib.metadata.version('nova-hypervisors'),
            command_manager=commandmanager.CommandManager(
                'nova_hypervisors.commands'),
            deferred_help=True)


    def configure_logging(self) -> None:
        """Say what our own code says; Nova and its libraries only if asked."""
        if self.options.verbose_level <= self.DEFAULT_VERBOSE_LEVEL:
            self.options.verbose_level = 0
            warnings.simplefilter('ignore')
        super().configure_logging()


def main(argv: list[str] | None = None) -> int:
    return NovaHypervisors().run(sys.argv[1:] if argv is None else argv)
