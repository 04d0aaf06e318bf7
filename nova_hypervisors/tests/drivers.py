# SPDX-License-Identifier: Apache-2.0
"""What a driver class has that is ours, its bases of ours included."""

import inspect

_OURS = 'nova_hypervisors.'


def methods(cls):
    """Return the public methods by name, as the class has them."""
    names = [name for base in cls.__mro__ if base.__module__.startswith(_OURS)
             for name, method in vars(base).items()
             if inspect.isfunction(method) and not name.startswith('_')]
    return {name: getattr(cls, name) for name in names}
