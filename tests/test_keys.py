"""API keys: where they come from, that only hashes stay, and that no message shows one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from visavis.pipelines.access.grant import EVERYTHING, KeyLimits, Scope
from visavis.pipelines.access.keys import Key, KeyRing, digest_of, new_key, read_keys, show_new_key
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import AccessSettings

ONE, TWO = "first-secret-of-a-customer", "second-secret-of-a-customer"


def test_keys_of_the_settings_are_found_by_their_text_only() -> None:
    hashed = "sha256:" + hashlib.sha256(TWO.encode()).hexdigest()
    ring = read_keys(AccessSettings(api_keys=(ONE, hashed), sessions_per_key=3))
    first, second = ring.find(ONE), ring.find(TWO)
    assert first is not None and second is not None and first.id != second.id
    assert first.limits == KeyLimits(sessions=3) and first.scopes == EVERYTHING
    assert ring.find(hashed) is None and ring.find("") is None and ring.find(ONE + " ") is None
    assert ring.find("\ud800") is None
    assert ring.get(first.id) is first and ring.get("key_0") is None
    assert ONE not in repr(list(ring)) and ONE not in repr(vars(ring))


def test_a_file_has_names_scopes_and_limits(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(
        f'[[key]]\nname = "shop"\nkey = "{ONE}"\nscopes = ["talk"]\nsessions = 2\n'
        f'minutes_per_day = 30\n\n[[key]]\nsha256 = "{digest_of(TWO).hex()}"\n'
    )
    settings = AccessSettings(api_keys_file=str(path), messages_per_s=9)
    shop, other = read_keys(settings)
    assert (shop.name, shop.scopes) == ("shop", frozenset({Scope.TALK}))
    assert shop.limits == KeyLimits(sessions=2, minutes_per_day=30, messages_per_s=9)
    assert other.limits == KeyLimits(messages_per_s=9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"no \[\[key\]\] table"),
        ("[[key]]\nname='x'\n", "either `key` or `sha256`"),
        (f"[[key]]\nkey='{ONE}'\nsha256='{64 * 'a'}'\n", "not both"),
        ("[[key]]\nkey='short'\n", "5 characters"),
        (f"[[key]]\nsha256='{63 * 'a'}'\n", "64 hexadecimal digits"),
        (f"[[key]]\nkey='{ONE}'\nscopes=['everything']\n", "scopes"),
        (f"[[key]]\nkey='{ONE}'\nsesions=3\n", "sesions"),
        (f"[[key]]\nkey='{ONE}'\nsessions=-1\n", "below 0"),
        (f"[[key]]\nkey='{ONE}'\n[[key]]\nkey='{ONE}'\n", "listed twice"),
        (f"[[key]]\nkey={ONE}\n", "not TOML"),
    ],
)
def test_a_file_that_can_not_be_used_is_named_and_not_quoted(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_keys(AccessSettings(api_keys_file=str(path)))
    assert ONE not in str(caught.value) and caught.value.__cause__ is None


def test_a_missing_file_and_a_short_key() -> None:
    with pytest.raises(ConfigError, match="nowhere.toml can't be read"):
        read_keys(AccessSettings(api_keys_file="nowhere.toml"))
    with pytest.raises(ConfigError, match="number 1 of access.api_keys has 6 characters") as caught:
        read_keys(AccessSettings(api_keys=("secret",)))
    assert "'secret'" not in str(caught.value)


def test_a_new_key_is_shown_once_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert new_key() != new_key()
    assert show_new_key(as_json=True) == 0
    line = json.loads(capsys.readouterr().out)
    assert digest_of(line["key"]).hex() == line["sha256"]
    assert line["id"] == Key(digest_of(line["key"])).id
    show_new_key(as_json=False)
    shown = capsys.readouterr().out
    key, digest = shown.split()[0], shown.split('sha256 = "')[1].split('"')[0]
    assert KeyRing([Key(bytes.fromhex(digest))]).find(key) is not None
