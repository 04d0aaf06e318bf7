# SPDX-License-Identifier: Apache-2.0
"""What a machine measures, by Redfish's Thermal and Power of its chassis."""

from __future__ import annotations

from typing import Any

from sushy import exceptions as sushy_errors

from nova_hypervisors.clients import errors

_NOT_THERE = (sushy_errors.MissingAttributeError,
              sushy_errors.ResourceNotFoundError)


def read(system: Any) -> dict[str, Any]:
    """Return it as :meth:`.clients.bmc.api.Machine.sensors` has it.

    :raises Unsupported: there is nothing
    """
    found: dict[str, Any] = {}
    try:
        chassis = list(system.chassis)
    except _NOT_THERE:
        chassis = []
    for one in chassis:
        for kind, name, measured in (*_thermal(one), *_power(one)):
            found.setdefault(kind, {})[name] = measured
    if not found:
        raise errors.Unsupported('the BMC measures nothing',
                                 operation='sensors')
    return found


def _thermal(chassis: Any) -> list[tuple[str, str, dict[str, Any]]]:
    try:
        thermal = chassis.thermal
        thermal.refresh(force=True)
    except _NOT_THERE:
        return []
    return [
        *(('temperature', _name(one), _measured(
            one, one.reading_celsius, 'Celsius'))
          for one in thermal.temperatures or ()),
        *(('fan', _name(one), _measured(
            one, one.reading, _word(one.reading_units)))
          for one in thermal.fans or ())]


def _power(chassis: Any) -> list[tuple[str, str, dict[str, Any]]]:
    try:
        power = chassis.power
        power.refresh(force=True)
    except _NOT_THERE:
        return []
    return [('power', _name(one), _measured(
        one, one.last_power_output_watts, 'Watts'))
        for one in power.power_supplies or ()]


def _name(sensor: Any) -> str:
    # Names of power supplies are all the same.
    return f'{sensor.name or "sensor"} {sensor.identity or ""}'.strip()


def _measured(sensor: Any, reading: Any, unit: str | None) -> dict[str, Any]:
    health = sensor.status.health if sensor.status else None
    return {'reading': reading, 'unit': unit, 'health': _word(health)}


def _word(value: Any) -> str | None:
    """Return the wire's word for one of sushy's constants."""
    return None if value is None else str(getattr(value, 'value', value))
