#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What another release of Nova changes in all that this package touches.

    tools/nova_changes.py 33.0.2 34.0.0

Each is a version, which pip fetches, or a folder that has a nova package in
it: a checkout, site-packages.  Nothing of Nova is imported: two releases do
not go into one process, and reading is enough for signatures, the fields of
objects, exceptions and options.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

OURS = Path(__file__).resolve().parent.parent / 'nova_hypervisors'

# What Nova calls in us is this class, whatever of it we import.
_DRIVER = ('nova.virt.driver', 'ComputeDriver')

# Where options are read: the names of configurations in our code.
_CONFIGURATIONS = ('conf', 'CONF')

#: A name in Nova that we use: its module, and the name in it.
Use = tuple[str, str]

_MISSING = 'is not there'


class Release:
    """The sources of one release.

    :param top: the folder that has ``nova`` in it
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._trees: dict[str, ast.Module | None] = {}

    def tree(self, module: str) -> ast.Module | None:
        """Return a module's syntax; None if there is no such module."""
        if module not in self._trees:
            path = self._top / module.replace('.', '/')
            found = [one for one in (path.with_suffix('.py'),
                                     path / '__init__.py') if one.exists()]
            self._trees[module] = (ast.parse(found[0].read_text())
                                   if found else None)
        return self._trees[module]

    def is_module(self, module: str) -> bool:
        return self.tree(module) is not None

    def definition(self, use: Use) -> ast.AST | None:
        """Return what defines a name in a module, or in all of its objects."""
        module, name = use
        if module == 'nova.objects':
            return self._object(name)
        tree = self.tree(module)
        if tree is None:
            return None
        return next((node for node in ast.walk(tree)
                     if name in _defines(node)), None)

    def _object(self, name: str) -> ast.AST | None:
        for path in sorted((self._top / 'nova/objects').glob('*.py')):
            tree = self.tree(f'nova.objects.{path.stem}')
            for node in tree.body if tree else ():
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node
        return None

    def options(self) -> dict[tuple[str, str], str]:
        """Return how options are declared, by file (group) and name."""
        found = {}
        for path in sorted((self._top / 'nova/conf').glob('*.py')):
            tree = self.tree(f'nova.conf.{path.stem}')
            for node in ast.walk(tree) if tree else ():
                if isinstance(node, ast.Call) and _is_option(node):
                    found[path.stem, _option_name(node)] = _option(node)
        return found


def _defines(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return (node.name,)
    if isinstance(node, ast.Assign):
        return tuple(target.id for target in node.targets
                     if isinstance(target, ast.Name))
    if isinstance(node, ast.ImportFrom):
        return tuple(alias.asname or alias.name for alias in node.names)
    return ()


def _is_option(node: ast.Call) -> bool:
    return (isinstance(node.func, ast.Attribute)
            and node.func.attr.endswith('Opt') and bool(node.args)
            and isinstance(node.args[0], ast.Constant))


def _option_name(node: ast.Call) -> str:
    name = node.args[0]
    assert isinstance(name, ast.Constant)  # noqa: S101 see _is_option
    return str(name.value).replace('-', '_')


def _option(node: ast.Call) -> str:
    """Return an option's declaration without its help."""
    assert isinstance(node.func, ast.Attribute)  # noqa: S101 see _is_option
    words = [f'{word.arg}={ast.unparse(word.value)}'
             for word in node.keywords if word.arg != 'help']
    return f'{node.func.attr}({", ".join(words)})'


def described(node: ast.AST | None) -> dict[str, str]:
    """Return what of a definition can matter to who uses it, by its part.

    '' is the definition itself; a class has its methods and fields, too.
    """
    if node is None:
        return {'': _MISSING}
    if isinstance(node, ast.FunctionDef):
        return {'': f'({ast.unparse(node.args)})'}
    if isinstance(node, ast.Assign):
        return {'': ast.unparse(node.value)}
    if not isinstance(node, ast.ClassDef):
        return {'': ast.unparse(node)}
    found = {'': f'({", ".join(map(ast.unparse, node.bases))})'}
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            if not part.name.startswith('_') or part.name == '__init__':
                found[part.name] = f'({ast.unparse(part.args)})'
        elif isinstance(part, ast.Assign):
            found.update(_assigned(part))
    return found


def _assigned(node: ast.Assign) -> Iterator[tuple[str, str]]:
    """Yield a class attribute; of an object's ``fields`` each by itself."""
    name = ast.unparse(node.targets[0])
    if isinstance(node.value, ast.Dict):
        for key, value in zip(node.value.keys, node.value.values,
                              strict=True):
            if isinstance(key, ast.Constant):
                yield f'{name}[{key.value!s}]', ast.unparse(value)
    elif name != 'VERSION':
        yield name, ast.unparse(node.value)


def uses(folder: Path, nova: Release) -> set[Use]:
    """Return all names of Nova that the code in a folder touches.

    :param nova: tells modules from what is in them
    """
    found = {_DRIVER}
    for path in sorted(folder.rglob('*.py')):
        if 'tests' not in path.relative_to(folder).parts:
            found |= _uses_of(ast.parse(path.read_text()), nova)
    return found


def _uses_of(tree: ast.Module, nova: Release) -> set[Use]:
    modules: dict[str, str] = {}
    found = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.ImportFrom) and node.module
                and node.module.split('.')[0] == 'nova'):
            continue
        for alias in node.names:
            whole = f'{node.module}.{alias.name}'
            if nova.is_module(whole):
                modules[alias.asname or alias.name] = whole
            else:
                found.add((node.module, alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(
                node.value, ast.Name) and node.value.id in modules:
            found.add((modules[node.value.id], node.attr))
    return found


def options_read(folder: Path) -> set[str]:
    """Return the options that the code reads: ``state_path``,
    ``vnc.server_listen``; ours are among them.
    """
    found = set()
    for path in sorted(folder.rglob('*.py')):
        if 'tests' in path.relative_to(folder).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                head, _, rest = ast.unparse(node).partition('.')
                if head in _CONFIGURATIONS and rest.count('.') < 2:
                    found.add(rest)
    return found


def changes(folder: Path, old: Release, new: Release) -> list[str]:
    """Return a line for each change, sorted."""
    found = []
    for use in sorted(uses(folder, old) | uses(folder, new)):
        before = described(old.definition(use))
        after = described(new.definition(use))
        if before == after == {'': _MISSING}:
            continue  # an attribute of what a module makes when it is run
        for part in sorted({*before, *after}):
            # A method that only came is told of for what we inherit.
            then = before.get(part, _MISSING)
            now = after.get(part, _MISSING)
            if then != now:
                name = '.'.join((*use, part)).rstrip('.')
                found.append(f'{name}: {then} -> {now}')
    return found + _option_changes(folder, old.options(), new.options())


def _option_changes(folder: Path, old: dict[tuple[str, str], str],
                    new: dict[tuple[str, str], str]) -> list[str]:
    read = options_read(folder)
    found = []
    for key in sorted({*old, *new}):
        group, name = key
        if not {name, f'{group}.{name}'} & read:
            continue
        then, now = old.get(key, _MISSING), new.get(key, _MISSING)
        if then != now:
            found.append(f'option {group}.{name}: {then} -> {now}')
    return found


def fetched(text: str, folder: Path) -> Path:
    """Return the sources of a version, or the folder that is named.

    :raises SystemExit: there is no such version, and no Nova in the folder
    """
    path = Path(text)
    if (path / 'nova/virt/driver.py').exists():
        return path
    if not text[:1].isdigit():
        sys.exit(f'{text}: is no version, and there is no nova/virt/driver.py '
                 'in it')
    wheels = folder / text
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps',
         '--only-binary', ':all:', '--dest', wheels, f'nova=={text}'],
        check=False, timeout=600)
    if done.returncode:
        sys.exit(f'nova {text} cannot be fetched: see what pip has said')
    wheel, = wheels.glob('nova-*.whl')
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheels / 'sources')
    return wheels / 'sources'


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('old')
    parser.add_argument('new')
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        old, new = (Release(fetched(text, Path(folder)))
                    for text in (arguments.old, arguments.new))
        found = changes(OURS, old, new)
    for line in found:
        print(line)
    print(f'{len(found)} changes', file=sys.stderr)
    return 0


if __name__ == '__main__':
    sys.exit(main())
