"""The guideline pages: all of them are there, can be read by anybody, and every link on a card leads to one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from criteria import Library
from criteria.criterion import Criterion, Local
from hooks.site import section_page
from service.app import create_app
from service.guidelines.find import find, leaf
from service.guidelines.shelf import shelf_of
from service.guidelines.words import words
from service.placeholders import fill
from service.settings import NO_PAGES, SettingsError, read_settings
from tests.service_examples import NOW, SERVICE, call, make_app, order, parts_of

REQUESTS = Path(__file__).parent.parent / "fixtures" / "requests"
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
VOID = {"meta", "link", "input", "br", "hr", "img"}
BASE = "https://cds.example.org/imaging"


class Page(HTMLParser):
    """A page taken apart: faults of its markup, ids, links, heading levels."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.labels: set[str] = set()
        self.inputs: set[str] = set()
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if len(held) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.faults += [f"<{tag} {name}>" for name in held if name.startswith("on") or name == "style"]
        self.ids += [held["id"] or ""] if "id" in held else []
        self.links += [held[name] or "" for name in ("href", "src", "action") if name in held]
        self.labels |= {held["for"] or ""} if tag == "label" else set()
        self.inputs |= {held.get("id") or ""} if tag == "input" else set()
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")


@lru_cache(maxsize=5000)
def parsed(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = make_app(tmp_path_factory.mktemp("pages"))
    yield made
    parts_of(made).journal.engine.dispose()


@pytest.fixture(scope="module")
def library(app: Flask) -> Library:
    return parts_of(app).decision.library


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def text_of(client: FlaskClient, address: str, status: int = 200) -> str:
    response = client.get(address, headers=HTML)
    assert response.status_code == status, address
    assert response.content_type == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; style-src 'self'" in policy
    assert "unsafe" not in policy
    return response.get_data(as_text=True)


def faults_of(text: str) -> list[str]:
    """What is wrong with a page: markup, headings, landmarks, labels, assets that are not ours."""
    page = parsed(text)
    faults = list(page.faults)
    if page.headings[:1] != [1] or page.headings.count(1) != 1:
        faults.append(f"headings start {page.headings[:3]}")
    pairs = zip(page.headings, page.headings[1:], strict=False)
    faults += [f"h{after} follows h{before}" for before, after in pairs if after > before + 1]
    faults += [f"id {i} twice" for i in {i for i in page.ids if page.ids.count(i) > 1}]
    faults += [f"one <{tag}> is needed" for tag in ("main", "header", "footer", "title") if page.tags.count(tag) != 1]
    faults += [f"leads outside: {link}" for link in page.links if not re.match(r"/(?!/)|#", link)]
    faults += [f"<{tag}>" for tag in ("script", "style", "img", "iframe") if tag in page.tags]
    faults += [f"input {i} has no label" for i in page.inputs - page.labels]
    return faults


def turned(before: str, items: Sequence[object]) -> list[str]:
    """The addresses of all pages of a list."""
    return [f"{before}page={n}" for n in range(1, leaf(items, None).pages + 1)]


def all_addresses(library: Library) -> list[str]:
    return [
        *("/", "/guidelines", "/guidelines?q=lumbar", "/guidelines?q=72148", "/guidelines?q=nothingatall"),
        *turned("/guidelines?q=lumbar&kind=rules&", find(shelf_of(library), "lumbar").rules),
        *turned("/guidelines?q=lumbar&kind=facts&", find(shelf_of(library), "lumbar").facts),
        *("/guidelines/facts", *turned("/guidelines/facts?", list(library.vocabulary.facts))),
        *("/guidelines/studies", *turned("/guidelines/studies?", list(library.catalogue.studies))),
        *(f"/guidelines/{g}" for g in library.guidelines),
        *(f"/guidelines/{c.id}" for c in library.criteria),
        *(f"/guidelines/facts/{f}" for f in library.vocabulary.facts),
        *(f"/guidelines/studies/{s}" for s in library.catalogue.studies),
    ]


@pytest.fixture(scope="module")
def pages(client: FlaskClient, library: Library) -> dict[str, str]:
    return {address: text_of(client, address) for address in all_addresses(library)}


def test_every_page_is_there_and_well_made(pages: dict[str, str]) -> None:
    assert {address: faults for address, text in pages.items() if (faults := faults_of(text))} == {}


def test_no_page_leads_or_points_outside(pages: dict[str, str]) -> None:
    outside = {a: found for a, text in pages.items() if a != "/" and (found := re.findall(r"https?://\S+", text))}
    assert outside == {}


def test_the_check_of_a_page_can_fail() -> None:
    bad = '<main><h1>a</h1><h3 id="x" onclick="y">b</h3><p id="x"><a href="https://a.example">c</a><script></script>'
    found = " ".join(faults_of(bad))
    for fault in ("h3 follows h1", "id x twice", "never closed", "leads outside", "<script>", "onclick", "<title>"):
        assert fault in found


def test_every_link_on_a_page_leads_to_a_page_and_an_anchor_that_exist(
    client: FlaskClient, pages: dict[str, str]
) -> None:
    ids: dict[str, set[str]] = {address: set(parsed(text).ids) for address, text in pages.items()}
    targets = {link for text in pages.values() for link in parsed(text).links if not link.startswith("#")}
    elsewhere = {"/guidelines/static/pages.css", "/cds-services", "/coverage"}
    broken = []
    for link in targets:
        parts = urlsplit(link)
        path = unquote(parts.path) + (f"?{parts.query}" if parts.query else "")
        if path in elsewhere or path.startswith("/fhir/Questionnaire/"):
            with client.get(path) as response:
                assert response.status_code == 200
        elif path not in ids or (parts.fragment and unquote(parts.fragment) not in ids[path]):
            broken.append(link)
    assert broken == []


def test_every_section_that_a_card_can_quote_has_its_anchor(pages: dict[str, str], library: Library) -> None:
    for criterion in library.criteria:
        address, _, anchor = section_page("/guidelines", criterion.guideline, criterion.section).partition("#")
        text = pages[unquote(address)]
        assert f'id="{unquote(anchor)}"' in text
        assert f"/guidelines/{criterion.id}" in text


def test_a_rule_reads_as_a_page(pages: dict[str, str]) -> None:
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", pages["/guidelines/evicore-spine-2023/low_back_pain_mri"]))
    for said in (
        "MRI lumbar spine for low back pain without neurological features",
        "CPT 72148",
        "at least 6 weeks (from 1 January 2023)",
        "at most 60 days (from 1 January 2023)",
        "no neurological features",
        "SP-5.1.5",
        "spine imaging steward",
        "Prerequisites that bind it",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("72148", "/guidelines/studies/mri_lumbar_spine.without"),
        ("low back MRI", "/guidelines/evicore-spine-2023/low_back_pain_mri"),
        ("red_flag.any", "/guidelines/facts/red_flag.any"),
        ("SP-5.1.5", "/guidelines/evicore-spine-2023/low_back_pain_mri"),
    ],
)
def test_search_finds_rules_studies_and_facts(client: FlaskClient, query: str, found: str) -> None:
    assert found in parsed(client.get("/guidelines", query_string={"q": query}).get_data(as_text=True)).links


def test_a_long_list_comes_in_pages_that_hold_each_item_once(pages: dict[str, str], library: Library) -> None:
    for kind, held in (("facts", library.vocabulary.facts), ("studies", library.catalogue.studies)):
        shown = [
            link
            for address, text in pages.items()
            if address.startswith(f"/guidelines/{kind}?page=")
            for link in parsed(text).links
            if link.startswith(f"/guidelines/{kind}/")
        ]
        assert sorted(shown) == sorted(f"/guidelines/{kind}/{name}" for name in held)


@pytest.mark.parametrize("number", ["0", "-1", "999999999999", "two", "²", ""])
def test_a_page_number_that_is_none_shows_a_page_that_exists(client: FlaskClient, number: str) -> None:
    assert "page 1 of" in text_of(client, f"/guidelines/facts?page={number}")


@pytest.mark.parametrize("query", ['"><script>alert(1)</script>', "{{ 7*7 }}", "\x00", "%", " ", "x" * 5000, "💥"])
def test_a_query_is_shown_as_text_and_harms_nothing(client: FlaskClient, query: str) -> None:
    response = client.get("/guidelines", query_string={"q": query})
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    assert "<script" not in text
    assert faults_of(text) == []


def test_an_address_without_a_page_is_a_page_for_readers_and_an_outcome_for_programs(client: FlaskClient) -> None:
    for address in ("/nowhere", "/guidelines/none", "/guidelines/facts/none", "/guidelines/evicore-spine-2023/none",
                    "/guidelines/studies/none", "/guidelines/%3Cscript%3E"):  # fmt: skip
        assert faults_of(text_of(client, address, 404)) == []
        for accept in ("*/*", "application/json", "application/fhir+json", ""):
            response = client.get(address, headers={"Accept": accept})
            assert (response.status_code, response.mimetype) == (404, "application/fhir+json")


def test_addresses_for_programs_answer_programs_whatever_they_accept(client: FlaskClient) -> None:
    for response in (
        client.post("/cds-services/other", json={}, headers=HTML),
        client.get("/cds-services/none/at/all", headers=HTML),
        client.post("/nowhere", json={}, headers=HTML),
    ):
        assert (response.status_code, response.mimetype) == (404, "application/fhir+json")
        assert "Content-Security-Policy" not in response.headers
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Security-Policy" not in client.get("/cds-services", headers=HTML).headers


def test_the_stylesheet_loads_nothing_and_knows_dark_screens(client: FlaskClient) -> None:
    with client.get("/guidelines/static/pages.css") as response:
        assert response.mimetype == "text/css"
        text = response.get_data(as_text=True)
    assert "prefers-color-scheme: dark" in text
    assert ":focus-visible" in text
    assert "url(" not in text
    assert "@import" not in text


def test_no_page_changes_with_what_the_service_was_told_of_a_patient(client: FlaskClient) -> None:
    addresses = (
        "/",
        "/guidelines",
        "/guidelines/evicore-spine-2023",
        "/guidelines/evicore-spine-2023/low_back_pain_mri",
    )
    before = [text_of(client, a) for a in addresses]
    body = call(order("Zebra-order", note=[{"text": "Zebra note"}]))
    body["prefetch"]["patient"]["name"] = [{"family": "Zebra"}]
    assert client.post(SERVICE, json=body).status_code == 200
    assert [text_of(client, a) for a in addresses] == before


def test_every_word_that_the_pages_need_stands_in_the_table(library: Library) -> None:
    facts = library.vocabulary.facts.values()
    assert {f.unit for f in facts if f.unit} <= set(words()["units"])
    assert {f.absence for f in facts} <= set(words()["absence"])
    assert {f.type for f in facts} <= set(words()["types"])
    assert {c.kind for c in library.criteria} <= set(words()["kinds"])
    assert {s.contrast for s in library.catalogue.studies.values()} <= set(words()["contrast"])


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    apps = []

    def made(**settings: Any) -> FlaskClient:
        apps.append(make_app(tmp_path, **settings))
        return apps[-1].test_client()

    yield made
    for each in apps:
        parts_of(each).journal.engine.dispose()


def cards_of(client: FlaskClient) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """Request, card and links to the guideline pages, of all fixture requests."""
    for file in sorted(REQUESTS.glob("*.json")):
        body = json.loads(fill(file.read_text(encoding="utf-8"), NOW.date()))
        answer = client.post(SERVICE, json=body)
        assert answer.status_code == 200
        for card in answer.get_json()["cards"]:
            links = [link["url"] for link in card.get("links", ()) if link["type"] == "absolute"]
            yield file.name, card, [url for url in links if "/explain/" not in url]


def test_every_card_links_to_the_very_criteria_that_it_rests_on(make: Callable[..., FlaskClient]) -> None:
    client = make(base_url=BASE)
    linked = 0
    for name, card, urls in cards_of(client):
        decided = [f"{BASE}/guidelines/{c}" for c in card["extension"]["io.github.imaging-cds"].get("criteria", ())]
        guidelines = list(dict.fromkeys(url.rpartition("/")[0] for url in decided))
        assert [u.rpartition("/")[0] for u in urls][: len(guidelines)] == guidelines[:3], name
        assert set(urls[: len(guidelines)]) <= set(decided), name
        for url in urls:
            page = text_of(client, url.removeprefix(BASE))
            assert "<h2>Condition</h2>" in page, (name, url)
            linked += 1
    assert linked > 3


def test_cards_link_to_sections_of_a_sites_own_pages(make: Callable[..., FlaskClient]) -> None:
    wiki = "https://wiki.example/g"
    client = make(base_url=BASE, guideline_pages=wiki)
    guidelines = parts_of(client.application).decision.library.guidelines.values()
    linked = 0
    for name, card, urls in cards_of(client):
        detail = card["detail"].replace("\\", "")
        sources = ((g.id, re.search(rf"Source: {re.escape(f'{g.title} {g.edition}')}, ([^\s,]+)", detail))
                   for g in guidelines)  # fmt: skip
        quoted = {section_page(wiki, g, found[1]) for g, found in sources if found}
        assert set(urls) == quoted if len(quoted) <= 3 else len(urls) == 3, (name, detail)
        linked += len(urls)
    assert linked > 3


def test_links_on_pages_stay_below_the_path_of_the_public_url(make: Callable[..., FlaskClient]) -> None:
    text = text_of(make(base_url=BASE), "/guidelines")
    assert [link for link in parsed(text).links if not link.startswith(("/imaging/", "#"))] == []


def test_what_the_site_changed_is_marked_and_signed(app: Flask) -> None:
    parts = parts_of(app)
    library = parts.decision.library
    gone, changed = [c for c in library.criteria if c.guideline == "evicore-spine-2023" and c.kind == "exclusion"][:2]
    did: tuple[tuple[Criterion, Literal["silenced", "changed"]], ...] = ((gone, "silenced"), (changed, "changed"))
    marks = {
        c.id: Local(c.id, what, "spine-clinic-lead", NOW.date(), "<b>Our clinic</b> sees everybody soon.")
        for c, what in did
    }
    rules = tuple(replace(c, local=marks.get(c.id)) for c in library.criteria if c is not gone)
    overlaid = replace(library, criteria=rules, local=tuple(marks.values()))
    client = create_app(parts=replace(parts, decision=replace(parts.decision, library=overlaid))).test_client()
    said = "at this site on 2 June 2026 by spine-clinic-lead: &lt;b&gt;Our clinic&lt;/b&gt;"
    assert f"Changed {said}" in text_of(client, f"/guidelines/{changed.id}")
    guideline = text_of(client, "/guidelines/evicore-spine-2023")
    assert f"<code>{gone.id}</code>. Silenced {said}" in guideline
    assert "changed at this site" in guideline
    assert faults_of(guideline) == []
    text_of(client, f"/guidelines/{gone.id}", 404)


def test_where_card_links_lead_is_the_sites_choice() -> None:
    def read(**given: Any) -> str:
        return read_settings({}, open=True, **given).served_at("http://127.0.0.1:8000").section_pages

    assert read() == "http://127.0.0.1:8000/guidelines"
    assert read(base_url=BASE) == f"{BASE}/guidelines"
    assert read(base_url=BASE, guideline_pages="https://wiki.example/g/") == "https://wiki.example/g"
    assert read(base_url=BASE, guideline_pages="None") == read(guideline_pages=NO_PAGES) == ""
    assert read_settings({}, open=True).section_pages == ""
    for given, own in (({}, True), ({"base_url": BASE}, True), ({"guideline_pages": "https://wiki.example/g"}, False)):
        assert read_settings({}, open=True, **given).served_at("http://127.0.0.1:8000").own_section_pages is own
    with pytest.raises(SettingsError, match="GUIDELINE_PAGES"):
        read(guideline_pages="no")
    closed = read_settings({}, trust_file="t.yaml", secret_key="k" * 32)
    assert closed.served_at("http://127.0.0.1:8000").section_pages == ""


def test_none_switches_the_links_off(make: Callable[..., FlaskClient]) -> None:
    cards = (
        make(base_url=BASE, guideline_pages="none", consult_pages="none").post(SERVICE, json=call()).get_json()["cards"]
    )
    assert cards
    assert all("links" not in card for card in cards)
