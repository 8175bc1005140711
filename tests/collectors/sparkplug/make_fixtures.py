"""Makes the payloads beside it with an encoder that is not ours: pysparkplug 0.6.1.

It needs an older paho than the product, so it runs in an environment of its own:
`python -m venv other && other/bin/pip install pysparkplug==0.6.1 && other/bin/python make_fixtures.py`.
Properties are set on the library's protobuf message, whose classes have no words for them.
"""

from __future__ import annotations

from pathlib import Path

from pysparkplug import DataType, DBirth, DData, DDeath, Metric, NBirth, NData, NDeath
from pysparkplug._protobuf import Payload

AT = 1772359200_000  # 2026-03-01T10:00:00Z
HERE = Path(__file__).parent


def metric(name, datatype, value, alias=None, at=AT, **more):
    return Metric(timestamp=at, name=name, datatype=datatype, value=value, alias=alias, **more)


def keep(name, payload):
    (HERE / f"{name}.bin").write_bytes(payload if isinstance(payload, bytes) else payload.encode())


NUMBERS = [
    ("int8", DataType.INT8, -5),
    ("int16", DataType.INT16, -1234),
    ("int32", DataType.INT32, -123456),
    ("int64", DataType.INT64, -(2**40)),
    ("uint8", DataType.UINT8, 250),
    ("uint16", DataType.UINT16, 65000),
    ("uint32", DataType.UINT32, 4_000_000_000),
    ("uint64", DataType.UINT64, 2**50),
    ("float", DataType.FLOAT, 1.5),
    ("double", DataType.DOUBLE, -2.25),
    ("running", DataType.BOOLEAN, True),
    ("recipe", DataType.STRING, "A-17"),
    ("nothing", DataType.INT32, None),
]

bd_seq = metric("bdSeq", DataType.INT64, 3)
keep(
    "nbirth",
    NBirth(
        timestamp=AT,
        seq=0,
        metrics=(
            bd_seq,
            metric("Node Control/Rebirth", DataType.BOOLEAN, False),
            metric("Properties/Hardware", DataType.STRING, "gateway 7"),
            metric("temp", DataType.FLOAT, 20.5, alias=1),
            metric("force", DataType.INT32, -7, alias=2),
        ),
    ),
)
keep("ndata", NData(timestamp=AT + 1000, seq=2, metrics=(metric(None, DataType.FLOAT, 21.5, alias=1, at=AT + 1000),)))
keep("ndata_int", NData(timestamp=AT + 2000, seq=3, metrics=(metric(None, DataType.INT32, -8, alias=2, at=AT + 2000),)))
keep(
    "ndata_gap", NData(timestamp=AT + 9000, seq=9, metrics=(metric(None, DataType.FLOAT, 29.5, alias=1, at=AT + 9000),))
)
keep("ndata_unknown", NData(timestamp=AT, seq=4, metrics=(metric(None, DataType.FLOAT, 1.0, alias=99),)))
keep(
    "dbirth",
    DBirth(timestamp=AT, seq=1, metrics=tuple(metric(n, t, v, alias=10 + i) for i, (n, t, v) in enumerate(NUMBERS))),
)
keep(
    "ddata_named",
    DData(timestamp=AT + 1000, seq=2, metrics=tuple(metric(n, t, v, at=AT + 1000) for n, t, v in NUMBERS)),
)
keep(
    "ddata_historical",
    DData(
        timestamp=AT,
        seq=2,
        metrics=(
            metric(None, DataType.FLOAT, 7.5, alias=18, at=AT - 3600_000, is_historical=True),
            metric(None, DataType.DOUBLE, None, alias=19, at=AT + 5000),
        ),
    ),
)
keep("ndeath", NDeath(timestamp=AT, bd_seq_metric=bd_seq))
keep("ndeath_old", NDeath(timestamp=AT, bd_seq_metric=metric("bdSeq", DataType.INT64, 2)))
keep("ddeath", DDeath(timestamp=AT + 3000, seq=2))

with_unit = Payload.FromString((HERE / "nbirth.bin").read_bytes())
for each in with_unit.metrics:
    if each.name == "temp":
        each.properties.keys.append("engUnit")
        each.properties.values.add(type=12, string_value="degF")
        each.properties.keys.append("Quality")
        each.properties.values.add(type=3, int_value=64)
keep("nbirth_unit", with_unit.SerializeToString())
