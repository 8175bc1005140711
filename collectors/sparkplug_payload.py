"""Sparkplug B's wire format: protobuf bytes to payload objects and back. Fields that are not read here are skipped.

The published schema is proto2; no library carries it for paho 2, so the part of it that is needed is described here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from domain.instants import to_ns

BOOLEAN = 11
TEXTS: Final = frozenset({12, 14, 15})  # String, Text, UUID
SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
UNSIGNED_BITS: Final = {5: 8, 6: 16, 7: 32, 8: 64}
FLOATS: Final = frozenset({9, 10})
REBIRTH: Final = "Node Control/Rebirth"

# message -> field -> (number, type, and the message it holds); a type with * is repeated
FIELDS: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "PropertyValue": {
        "type": (1, "UINT32"),
        "is_null": (2, "BOOL"),
        "int_value": (3, "UINT32"),
        "long_value": (4, "UINT64"),
        "string_value": (8, "STRING"),
    },
    "PropertySet": {"keys": (1, "STRING*"), "values": (2, "MESSAGE*", "PropertyValue")},
    "Metric": {
        "name": (1, "STRING"),
        "alias": (2, "UINT64"),
        "timestamp": (3, "UINT64"),
        "datatype": (4, "UINT32"),
        "is_historical": (5, "BOOL"),
        "is_null": (7, "BOOL"),
        "properties": (9, "MESSAGE", "PropertySet"),
        "int_value": (10, "UINT32"),
        "long_value": (11, "UINT64"),
        "float_value": (12, "FLOAT"),
        "double_value": (13, "DOUBLE"),
        "boolean_value": (14, "BOOL"),
        "string_value": (15, "STRING"),
    },
    "Payload": {
        "timestamp": (1, "UINT64"),
        "metrics": (2, "MESSAGE*", "Metric"),
        "seq": (3, "UINT64"),
        "uuid": (4, "STRING"),
    },
}
VALUE_FIELDS: Final = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")


@cache
def payload_class() -> Any:
    """Return the protobuf class of a payload."""
    package = "forewarn.sparkplug"
    file = descriptor_pb2.FileDescriptorProto(name="forewarn_sparkplug.proto", package=package, syntax="proto2")
    field_type = descriptor_pb2.FieldDescriptorProto
    for name, fields in FIELDS.items():
        described = file.message_type.add(name=name)
        for field, (number, kind, *held) in fields.items():
            described.field.add(
                name=field,
                number=number,
                label=field_type.LABEL_REPEATED if kind.endswith("*") else field_type.LABEL_OPTIONAL,
                type=field_type.Type.Value(f"TYPE_{kind.rstrip('*')}"),
                type_name=f".{package}.{held[0]}" if held else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Payload"))


def parse(data: bytes) -> Any:
    """Parse a payload; raises ValueError for bytes that are none."""
    try:
        return payload_class().FromString(data)
    except message.DecodeError as error:
        raise ValueError(str(error)) from error


def raw_value(metric: Any) -> int | float | bool | str | None:
    """Return what a metric or a property carries, None where that is nothing that is read here."""
    for field in VALUE_FIELDS:
        if field in metric.DESCRIPTOR.fields_by_name and metric.HasField(field):
            found: int | float | bool | str = getattr(metric, field)
            return found
    return None


def is_word(metric: Any) -> bool:
    """Say whether a metric carries an integer, which only its datatype tells to be signed or not."""
    return bool(metric.HasField("int_value") or metric.HasField("long_value"))


def typed_value(raw: int | float | bool | str, datatype: int) -> int | float | bool | str:
    """Return a metric's value by its datatype: integers come as the unsigned words of their two's complement."""
    bits = SIGNED_BITS.get(datatype) or UNSIGNED_BITS.get(datatype)
    if bits is None or not isinstance(raw, int) or isinstance(raw, bool):
        return raw
    word = raw & (1 << bits) - 1
    return word - (1 << bits) if datatype in SIGNED_BITS and word >> bits - 1 else word


def rebirth_command(now: datetime) -> bytes:
    """Return the payload that asks an edge node for its births."""
    ms = to_ns(now) // 1_000_000
    payload = payload_class()(timestamp=ms)
    payload.metrics.add(name=REBIRTH, datatype=BOOLEAN, boolean_value=True, timestamp=ms)
    return bytes(payload.SerializeToString())
