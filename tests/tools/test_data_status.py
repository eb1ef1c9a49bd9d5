"""data_status: what can be asked, how fresh it is, and a self-check that can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from mcp.types import TextResourceContents

from exposure import golden
from exposure.dealer import SignConvention
from exposure.snapshot import Mode
from tests.builders import an_exposure
from tests.server.wired import a_baskets_file, a_wired_client
from tests.tools.desk import Era, a_desk, a_source
from tools.catalogue import TOOLS
from tools.reference.texts import LONGEST, Topic, document

pytestmark = pytest.mark.anyio

FIELDS = "headline live replay now session convention conventions baskets basket_mistakes staleness_days self_check text"


async def test_the_status_says_what_can_be_asked(era: Era) -> None:
    source = a_source(mode=Mode.DELAYED, remarks=("One file cannot be read.",))
    async with a_desk(source, era, convention=SignConvention.LONG_ALL, staleness=timedelta(hours=12)) as desk:
        answer = await desk.answer("data_status")
    structured = answer.structured
    assert list(structured) == FIELDS.split()
    assert structured["live"] == structured["replay"]
    assert structured["live"] == {
        "source": "hand-made",
        "mode": "delayed",
        "synthetic": False,
        "symbol_count": 3,
        "symbols": ["AMD", "BRK.B", "NVDA"],
        "newest_quote": "2024-06-05T20:00:00Z",
        "replay_from": "2024-06-05T20:00:00Z",
        "replay_to": "2024-06-06T14:00:00Z",
        "remarks": ["One file cannot be read."],
    }
    assert structured["now"] == "2024-06-06T14:00:00Z"
    assert structured["session"] == "open"
    assert structured["convention"] == "dealers_long_all"
    assert structured["conventions"] == [one.value for one in SignConvention]
    assert structured["baskets"][:3] == ["semis", "megacap", "banks"]
    assert len(structured["baskets"]) == 16
    assert structured["staleness_days"] == 0.5
    assert structured["text"] is None


async def test_the_text_carries_the_same_facts(era: Era) -> None:
    async with a_desk(a_source(remarks=("One file cannot be read.",)), era) as desk:
        answer = await desk.answer("data_status")
    assert answer.text.splitlines()[0] == answer.structured["headline"]
    for fact in (
        "Source hand-made (live): 3 symbols, newest quote 2024-06-05 16:00 ET. Self-check passed (2 golden values).",
        "symbols AMD, BRK.B, NVDA.",
        "Replay with at: 2024-06-05 16:00 ET to 2024-06-06 10:00 ET; a gap of up to 5 days is bridged and said.",
        "Now 2024-06-06 10:00 ET, session open.",
        "Convention street; others: dealers_long_calls_short_puts,",
        "Baskets: semis, megacap, banks, spx_top, ndx_top, technology,",
        "Remark: One file cannot be read.",
        "expected 692,276.40, computed 692,276.40, ok.",
        "expected 584,000,000.00, computed 584,000,000.00, ok.",
    ):
        assert fact in answer.text


async def test_the_self_check_reproduces_two_published_values() -> None:
    async with a_desk() as desk:
        checks = (await desk.answer("data_status")).structured["self_check"]
    assert [one["expected"] for one in checks] == [692_276.40, 584e6]
    for one in checks:
        assert one["passed"] is True
        assert one["computed"] == pytest.approx(one["expected"], rel=1e-8)


async def test_a_self_check_that_fails_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "_gex_of_one_leg", lambda: 692_276.41)
    async with a_desk() as desk:
        answer = await desk.answer("data_status")
    assert "Self-check FAILED: GEX of one call leg" in answer.structured["headline"]
    assert [one["passed"] for one in answer.structured["self_check"]] == [False, True]
    assert "FAILED." in answer.text.splitlines()[-2]


async def test_many_symbols_are_counted_and_listed_in_full_only_on_request(era: Era) -> None:
    names = [f"S{number:04d}" for number in range(1_000)]
    async with a_desk(a_source(*(an_exposure(name) for name in names)), era) as desk:
        default = await desk.answer("data_status")
        full = await desk.answer("data_status", detail="full")
    assert default.structured["live"]["symbol_count"] == full.structured["live"]["symbol_count"] == 1_000
    assert len(default.structured["live"]["symbols"]) == 40
    assert "and 960 more (detail=full lists them)" in default.text
    assert full.structured["live"]["symbols"] == names
    assert "S0999" in full.text
    assert max(len(default.text), len(default.compact_json)) < 1_500 * 4


async def test_a_source_that_cannot_list_its_symbols_answers_on_demand(era: Era) -> None:
    source = a_source()
    source.listed = None
    async with a_desk(source, era) as desk:
        listed = await desk.answer("data_status")
    assert listed.structured["live"]["symbol_count"] == 3
    original = source.status

    async def on_demand() -> object:
        return replace(await original(), symbols=None, newest_quote=None, replay_from=None, replay_to=None)

    source.status = on_demand  # type: ignore[assignment,method-assign]
    async with a_desk(source, era) as desk:
        answer = await desk.answer("data_status")
    assert answer.structured["live"]["symbols"] is None
    assert answer.structured["live"]["symbol_count"] is None
    assert answer.structured["live"]["newest_quote"] is None
    assert "symbols on demand, no quotes" in answer.text
    assert "Replay with at: nothing to replay." in answer.text


async def test_the_synthetic_market_is_labelled_in_the_status_too(era: Era) -> None:
    async with a_desk(a_source(synthetic=True), era) as desk:
        answer = await desk.answer("data_status")
    assert answer.structured["headline"].startswith("SYNTHETIC")
    assert answer.text.startswith("SYNTHETIC")
    assert answer.structured["live"]["synthetic"] is True


async def test_an_unknown_argument_or_detail_is_refused(era: Era) -> None:
    async with a_desk(era=era) as desk:
        assert "'symbols' is not an argument of this tool" in await desk.refusal("data_status", symbols="NVDA")
        assert "default, full" in await desk.refusal("data_status", detail="all")


@pytest.mark.parametrize("topic", ["methodology", "glossary", "baskets", "sources"])
async def test_a_topic_answers_with_its_text_in_both_channels(topic: Topic, era: Era) -> None:
    async with a_desk(a_source(remarks=("One file cannot be read.",)), era) as desk:
        answer = await desk.answer("data_status", topic=topic)
        status = await desk.answer("data_status", topic="status")
        default = await desk.answer("data_status")
    assert answer.text == answer.structured["text"]
    assert len(answer.text) <= LONGEST
    if topic in ("methodology", "glossary"):
        assert answer.text == document(topic)
    elif topic == "baskets":
        assert "* **banks** (XLF): JPM, BAC, WFC, C, GS, MS" in answer.text
    else:
        assert answer.text.startswith(document("sources"))
        assert "source hand-made (live), newest quote 2024-06-05 16:00 ET." in answer.text
        assert "Remark: One file cannot be read." in answer.text
    assert {**answer.structured, "text": None} == status.structured == default.structured
    assert status.text == default.text != answer.text


@pytest.mark.parametrize("topic", ["methodology", "glossary", "baskets", "sources"])
async def test_a_topic_says_what_the_resource_says(topic: Topic, era: Era, tmp_path: Path) -> None:
    file = a_baskets_file(tmp_path)
    async with a_wired_client(era, baskets=file) as client:
        (resource,) = (await client.read_resource(f"exposure://{topic}")).contents
        answer = await client.call_tool("data_status", {"topic": topic})
    assert isinstance(resource, TextResourceContents)
    assert answer.structured_content is not None
    assert answer.structured_content["text"] == resource.text


async def test_an_unknown_topic_is_refused_with_the_topics(era: Era) -> None:
    async with a_desk(era=era) as desk:
        assert "status, methodology, glossary, baskets, sources" in await desk.refusal("data_status", topic="glosary")


async def test_the_entry_in_the_list_of_tools_stays_small(era: Era) -> None:
    async with a_desk(era=era) as desk:
        (entry,) = [one for one in (await desk.client.list_tools()).tools if one.name == "data_status"]
    written = json.dumps(entry.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"))
    assert len(written) < 750 * 4


async def test_every_tool_is_listed_as_read_only_with_schemas(era: Era) -> None:
    async with a_desk(era=era) as desk:
        tools = (await desk.client.list_tools()).tools
    assert [tool.name for tool in tools] == [one.name for one in TOOLS]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        assert tool.description is not None
        assert len(tool.description) <= 500
