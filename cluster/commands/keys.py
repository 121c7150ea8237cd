"""``fastpath-prover keys``: the proving keys of the running service."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from cluster.client import Client
from cluster.exit_codes import ExitCode
from cluster.rendering import Console, counted, table
from cluster.settings import load_settings


def run(options: argparse.Namespace, console: Console) -> int:
    """Do what ``options.action`` says."""
    settings = load_settings(options.settings, config=options.config)
    actions = {"add": _add, "ls": _list, "warm": _warm, "pin": _pin, "unpin": _pin, "rm": _remove}
    with Client.connect(settings=settings) as client:
        document, text = actions[options.action](options, client)
    console.result(document, text)
    return ExitCode.OK


def _add(options: argparse.Namespace, client: Client) -> tuple[dict[str, Any], str]:
    key = client.add_key(options.path, name=options.name, r1cs=options.r1cs)
    size = f"{counted(key.metadata.constraints, 'constraint')}, {counted(key.metadata.public, 'public signal')}"
    text = f"{key.key_id}\n{key.metadata.curve}, {size}"
    if key.metadata.development:
        text += "; for development only: whoever made it can forge proofs"
    return {"key_id": key.key_id, **asdict(key.metadata)}, text


def _list(_: argparse.Namespace, client: Client) -> tuple[dict[str, Any], str]:
    keys = client.list_keys()
    rows = [["key", "names", "circuit", "curve", "constraints", ""], *map(_row, keys)]
    return {"keys": keys}, "\n".join(table(rows)) if keys else "No keys yet."


def _row(key: dict[str, Any]) -> list[str]:
    marks = [mark for mark in ("pinned", "loaded", "development") if key.get(mark)]
    if "error" in key:
        marks = [f"damaged: {key['error']}"]
    parameters = "".join(f" {name}={value}" for name, value in key.get("parameters", {}).items())
    return [
        key["key_id"][:16],
        ", ".join(key["names"]) or "-",
        f"{key.get('circuit', '')}{parameters}" or "-",
        str(key.get("curve", "-")),
        str(key.get("constraints", "-")),
        ", ".join(marks),
    ]


def _warm(options: argparse.Namespace, client: Client) -> tuple[dict[str, Any], str]:
    key_id = client.find_key_id(options.key)
    client.warm_key(key_id)
    return {"key_id": key_id, "warm": True}, f"{key_id} is at hand in every worker."


def _pin(options: argparse.Namespace, client: Client) -> tuple[dict[str, Any], str]:
    key_id, pinned = client.find_key_id(options.key), options.action == "pin"
    client.pin_key(key_id, pinned=pinned)
    return {"key_id": key_id, "pinned": pinned}, f"{key_id} is {'pinned' if pinned else 'not pinned any more'}."


def _remove(options: argparse.Namespace, client: Client) -> tuple[dict[str, Any], str]:
    key_id = client.find_key_id(options.key)
    client.remove_key(key_id)
    return {"key_id": key_id, "removed": True}, f"{key_id} is removed."
