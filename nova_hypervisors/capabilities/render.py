# SPDX-License-Identifier: Apache-2.0
"""The support matrix for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

import prettytable

from nova_hypervisors.capabilities import proofs
from nova_hypervisors.capabilities import registry
from nova_hypervisors.capabilities.model import Level

_MARKS = {
    Level.COMPLETE: '✔',
    Level.PARTIAL: '◐',
    Level.PLANNED: '…',
    Level.MISSING: '✘',
}

_LEGEND = ', '.join(f'{mark} {level.value}' for level, mark in _MARKS.items())


def as_table(columns: Sequence[str]) -> str:
    """Return a table for a terminal; with notes if it is of one column."""
    if len(columns) == 1:
        return _column_table(columns[0])
    table = prettytable.PrettyTable(
        ['Feature', *(registry.COLUMNS[column] for column in columns)])
    table.align = 'l'
    for feature in registry.FEATURES:
        table.add_row([feature.title, *(feature.support[column].level.value
                                        for column in columns)])
    return str(table)


def _column_table(column: str) -> str:
    proven = proofs.load()
    table = prettytable.PrettyTable(['Feature', 'Level', 'Proofs', 'Note'])
    table.align = 'l'
    table.max_width['Note'] = 60
    for feature in registry.FEATURES:
        support = feature.support[column]
        tests = proven.get(feature.key, {}).get(column, [])
        table.add_row([feature.title, support.level.value,
                       len(tests) or '', support.note])
    return str(table)


def as_markdown(columns: Sequence[str]) -> str:
    """Return a table for the README."""
    lines = [_LEGEND, '',
             '| Feature | ' + ' | '.join(registry.COLUMNS[column]
                                         for column in columns) + ' |',
             '|---|' + ':-:|' * len(columns)]
    for feature in registry.FEATURES:
        marks = (_MARKS[feature.support[column].level] for column in columns)
        lines.append(f'| {feature.title} | ' + ' | '.join(marks) + ' |')
    return '\n'.join(lines)


def as_json(columns: Sequence[str]) -> str:
    """Return an object with ``features``, proofs included."""
    proven = proofs.load()
    features = [{
        'key': feature.key,
        'title': feature.title,
        'status': feature.status,
        'support': {column: {
            'level': feature.support[column].level.value,
            'note': feature.support[column].note,
            'proof': proven.get(feature.key, {}).get(column, []),
        } for column in columns},
    } for feature in registry.FEATURES]
    return json.dumps({'features': features}, indent=2)


def as_ini(columns: Sequence[str]) -> str:
    """Return what sphinx_feature_classification reads."""
    lines = []
    for column in columns:
        lines += [f'[driver.{column}]', f'title={registry.COLUMNS[column]}',
                  '']
    for feature in registry.FEATURES:
        lines += [f'[{feature.key}]', f'title={feature.title}',
                  f'status={feature.status}']
        for column in columns:
            support = feature.support[column]
            lines.append(f'driver.{column}={_ini_level(support.level)}')
            if support.note or support.level is Level.PLANNED:
                lines.append(f'driver-notes.{column}='
                             f'{support.note or "Planned."}')
        lines.append('')
    return '\n'.join(lines)


def _ini_level(level: Level) -> str:
    """Return a level's word; that format knows none for what is planned."""
    return (Level.MISSING if level is Level.PLANNED else level).value


FORMATS = {
    'table': as_table,
    'markdown': as_markdown,
    'json': as_json,
    'ini': as_ini,
}
