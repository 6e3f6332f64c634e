"""The messages and enumerations of vidmuse/v1/music.proto. The stub beside it has their types."""

from __future__ import annotations

from google.protobuf.internal import enum_type_wrapper

from ._descriptors import POOL, message_class

DESCRIPTOR = POOL.FindFileByName("vidmuse/v1/music.proto")
for _name, _message in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = message_class(_message.full_name)
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = enum_type_wrapper.EnumTypeWrapper(_enum)
    globals().update({value.name: value.number for value in _enum.values})
