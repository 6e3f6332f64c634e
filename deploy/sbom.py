#!/usr/bin/env python3
"""Writes what an image holds as a CycloneDX 1.5 document: Debian's packages and wheels.

It needs nothing but Python's own library, and the same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote


def packages(status: str) -> list[dict[str, Any]]:
    """The components of a dpkg status file that are installed."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", paragraph, re.M))
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        where = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={fields['Architecture']}"
        component = {"type": "library", "name": name, "version": version, "purl": where}
        component["bom-ref"] = where
        found.append(component)
    return found


def hashes_of(requirements: str) -> dict[str, str]:
    """SHA-256 by "name==version" in a pip requirements file."""
    return dict(re.findall(r"^(\S+==\S+) --hash=sha256:([0-9a-f]{64})$", requirements, re.M))


def wheels(names: list[str], hashes: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for wheel in names:
        name, version = wheel.split("==")
        where = f"pkg:pypi/{quote(name)}@{quote(version)}"
        component: dict[str, Any] = {"type": "library", "name": name, "version": version}
        component |= {"purl": where, "bom-ref": where}
        # The hash is the wheel's that the files were unpacked from.
        component["hashes"] = [{"alg": "SHA-256", "content": hashes[wheel]}]
        found.append(component)
    return found


def document(name: str, version: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    components = sorted(components, key=lambda component: str(component["purl"]))
    content = json.dumps([name, version, components])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "name": name,
                "version": version,
                "bom-ref": f"{name}@{version}",
            }
        },
        "components": components,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the image's")
    parser.add_argument("--version", required=True, help="the image's")
    parser.add_argument("--packages", type=Path, required=True, help="dpkg's status file")
    parser.add_argument("--wheels", type=Path, required=True, help="one NAME==VERSION a line")
    parser.add_argument("--hashes", type=Path, nargs="+", required=True, help="of deploy/wheels")
    args = parser.parse_args()
    hashes: dict[str, str] = {}
    for path in args.hashes:
        hashes |= hashes_of(path.read_text())
    found = packages(args.packages.read_text())
    found += wheels(args.wheels.read_text().split(), hashes)
    print(json.dumps(document(args.name, args.version, found), indent=1))


if __name__ == "__main__":
    main()
