"""The descriptors of the proto files, in a pool of their own.

Messages are made from descriptors when this package is loaded. So they work with every version of
protobuf, which protoc's own Python code doesn't, and they don't clash with another copy of a file
that a program may have loaded.
"""

from __future__ import annotations

import pkgutil
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

POOL = descriptor_pool.DescriptorPool()


def _load() -> None:
    data = pkgutil.get_data("vidmuse.v1", "descriptors.binpb")
    assert data is not None
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        POOL.Add(file)


_load()


def message_class(name: str) -> Any:
    """Returns the class of a message by its full name."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))
