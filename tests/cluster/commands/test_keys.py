"""``keys`` on a real service."""

import json
from pathlib import Path

import pytest

from cluster import Client, cli
from cluster.exit_codes import ExitCode

pytestmark = pytest.mark.ray
KEY = Path(__file__).parents[2] / "vectors" / "circom" / "bn128" / "circuit.zkey"


@pytest.fixture
def run(client, monkeypatch, capsys):
    """Run a command line against the service of the tests."""
    info = client.service_info()
    connect = Client.connect
    monkeypatch.setattr(
        "cluster.commands.keys.Client.connect", lambda settings: connect(info.address, info.namespace, settings)
    )

    def run(*arguments):
        code = cli.main(["keys", *map(str, arguments), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_a_key_from_its_addition_to_its_removal(run, capsys):
    code, added = run("add", KEY, "--name", "example", "--r1cs", KEY.with_suffix(".r1cs"))
    assert (code, added["constraints"], added["development"]) == (ExitCode.OK, 3, False)
    key_id = added["key_id"]
    for action, outcome in (("warm", {"warm": True}), ("pin", {"pinned": True})):
        assert run(action, "example") == (ExitCode.OK, {"key_id": key_id, **outcome})
    code, listed = run("ls")
    (entry,) = [key for key in listed["keys"] if key["key_id"] == key_id]
    assert (entry["names"], entry["pinned"], entry["loaded"]) == (["example"], True, True)
    assert cli.main(["keys", "ls"]) == ExitCode.OK
    assert f"{key_id[:16]}   example" in capsys.readouterr().out.replace("     ", "   ")
    assert run("unpin", key_id[:12]) == (ExitCode.OK, {"key_id": key_id, "pinned": False})
    assert run("rm", "example") == (ExitCode.OK, {"key_id": key_id, "removed": True})
    code, refused = run("warm", "example")
    assert (code, refused["error"]["code"]) == (ExitCode.BAD_INPUT, "key_not_found")


def test_what_is_no_key_is_bad_input(run, tmp_path):
    for arguments in (("add", tmp_path / "none"), ("add", __file__), ("rm", "0" * 64)):
        code, refused = run(*arguments)
        assert code == ExitCode.BAD_INPUT
        assert refused["error"]["message"]
