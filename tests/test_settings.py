"""Settings: a slip is an error at start, with a sentence that says how to mend it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from service.settings import SettingsError, read_settings, settings_page, table

SECRET = "k" * 32
NEEDED = {"IMAGING_CDS_TRUST_FILE": "trust.yaml", "IMAGING_CDS_SECRET_KEY": SECRET}


def test_values_come_from_the_environment() -> None:
    settings = read_settings(
        {
            **NEEDED,
            "IMAGING_CDS_FHIR_BUDGET_SECONDS": "0.5",
            "IMAGING_CDS_ORIGINS": "https://a.example, https://b.example",
        }
    )
    assert (settings.fhir_budget_seconds, settings.origins) == (0.5, ("https://a.example", "https://b.example"))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IMAGING_CDS_FHIR_BUDGET_SECOND", "1", "Did you mean `fhir_budget_seconds`"),
        ("IMAGING_CDS_FHIR_BUDGET_SECONDS", "soon", "IMAGING_CDS_FHIR_BUDGET_SECONDS"),
        ("IMAGING_CDS_TIME_ZONE", "Mars/Olympus", "America/Chicago"),
        ("IMAGING_CDS_TIME_ZONE", "../etc/passwd", "America/Chicago"),
        ("IMAGING_CDS_FHIR_BASES", "ehr.example.org", "absolute"),
        ("IMAGING_CDS_FHIR_BASES", "*", "open mode only"),
        ("IMAGING_CDS_BASE_URL", "cds.example.org", "absolute"),
        ("IMAGING_CDS_BASE_URL", "http://cds.example.org", "must begin with https"),
        ("IMAGING_CDS_MAX_JSON_DEPTH", "5000", "IMAGING_CDS_MAX_JSON_DEPTH"),
        ("IMAGING_CDS_SECRET_KEY", "short", "at least 32"),
        ("IMAGING_CDS_SECRET_KEY_FILE", "somewhere", "not both"),
        ("IMAGING_CDS_TRUST_FILE", "", "--open"),
    ],
)
def test_a_slip_is_named_with_its_mend(variable: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({**NEEDED, variable: value})
    assert said in str(error.value)


def test_plain_http_is_for_this_machine_and_for_trying_out() -> None:
    for url in ("https://cds.example.org", "http://127.0.0.1:8000", "http://localhost:8000"):
        assert read_settings({**NEEDED, "IMAGING_CDS_BASE_URL": url}).base_url == url
    assert read_settings({}, open=True, base_url="http://cds.example.org").base_url


def test_no_message_shows_a_secret() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({**NEEDED, "IMAGING_CDS_SECRET_KEY": "tooshortsecret"})
    assert "tooshortsecret" not in str(error.value)
    assert SECRET not in repr(read_settings(NEEDED))


def test_the_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    environment = {"IMAGING_CDS_TRUST_FILE": "t.yaml", "IMAGING_CDS_SECRET_KEY_FILE": str(file)}
    assert read_settings(environment).secret_key.get_secret_value() == SECRET


def test_open_mode_needs_nothing_and_makes_a_new_secret_each_time() -> None:
    one, other = read_settings({}, open=True), read_settings({}, open=True)
    assert one.secret_key != other.secret_key


def test_any_fhir_server_is_called_only_in_open_mode_and_only_when_that_was_said() -> None:
    assert not read_settings({}, open=True).any_base
    assert not read_settings({}, open=True, fhir_bases="https://ehr.example/fhir").any_base
    assert read_settings({}, open=True, fhir_bases="*").any_base


def test_the_secret_is_not_from_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        read_settings({"IMAGING_CDS_TRUST_FILE": "t.yaml"})


@pytest.mark.parametrize(("zone", "day"), [("UTC", 2), ("America/Chicago", 1), ("Pacific/Auckland", 2)])
def test_today_is_where_the_site_is(zone: str, day: int) -> None:
    now = dt.datetime(2026, 6, 2, 3, tzinfo=dt.UTC)
    assert read_settings({}, open=True, time_zone=zone).today(now) == dt.date(2026, 6, day)


def test_every_setting_explains_itself() -> None:
    rows: list[Any] = table()
    assert all(meaning.endswith(".") and name.startswith("IMAGING_CDS_") for name, _, meaning in rows)


def test_the_documentation_lists_every_setting() -> None:
    page = Path(__file__).parent.parent / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page()


def test_what_the_site_left_open_stays_unknown() -> None:
    assert read_settings({}, open=True).site == {"recent_surgery_days": 30}
    given = read_settings({}, open=True, scanner_bmi_limit=50, recent_surgery_days=90).site
    assert given == {"recent_surgery_days": 90, "scanner_bmi_limit": 50.0}
