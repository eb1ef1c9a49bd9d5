"""The reference texts as resources: what they say, how long they are, and that docs/ says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, TextResourceContents

from sources.baskets import built_in_baskets, read_baskets
from tests.builders import an_exposure
from tests.server.wired import BASKETS_FILE, a_baskets_file, a_wired_client
from tests.tools.desk import Era, a_source
from tools.reference.baskets import ORIGIN, basket_line
from tools.reference.texts import DOCUMENTS, LONGEST, document

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TOPICS = ("methodology", "glossary", "baskets", "sources")
in_a_checkout = pytest.mark.skipif(not DOCS.is_dir(), reason="runs in a checkout only; the wheel has no docs/ to compare")


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.uri == uri
    assert content.mime_type == "text/markdown"
    return content.text


async def test_the_texts_are_listed(era: Era) -> None:
    async with a_wired_client(era) as client:
        resources = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
    assert [str(one.uri) for one in resources] == [f"exposure://{topic}" for topic in TOPICS]
    assert [one.uri_template for one in templates] == ["exposure://baskets/{name}"]
    offered = [(one.title, one.description, one.mime_type) for one in resources]
    offered += [(one.title, one.description, one.mime_type) for one in templates]
    for title, description, mime_type in offered:
        assert title
        assert description
        assert mime_type == "text/markdown"


async def test_every_text_is_plain_markdown_of_bounded_length(era: Era) -> None:
    async with a_wired_client(era) as client:
        for topic in TOPICS:
            text = await read(client, f"exposure://{topic}")
            assert text.startswith("# ")
            assert 500 < len(text) <= LONGEST
            assert "](" not in text, f"{topic} links to a file that the installed package does not have"
            assert all(len(line) <= 400 for line in text.splitlines() if not line.startswith("* Symbols"))


async def test_the_methodology_and_the_glossary_are_the_documents(era: Era) -> None:
    async with a_wired_client(era) as client:
        assert await read(client, "exposure://methodology") == document("methodology")
        glossary = await read(client, "exposure://glossary")
    assert "gamma OI m S² 0.01" in document("methodology")
    words = "GEX DEX VEX CHEX leg net gross bounds pivotal cancellation breadth imbalance replay as_of oi_date convention".split()
    longer = ("flip share", "dealer gamma", "regime", "weight coverage", "break-even", "effective names")
    longest = ("implied correlation", "realised correlation", "dispersion spread")
    for word in (*words, *longer, *longest):
        assert f"**{word}**" in glossary, f"the glossary does not explain {word}"


async def test_the_baskets_are_listed_with_their_symbols_index_and_origin(era: Era, tmp_path: Path) -> None:
    async with a_wired_client(era, baskets=a_baskets_file(tmp_path)) as client:
        text = await read(client, "exposure://baskets")
    built_in, _, own = text.partition("## Yours")
    assert ORIGIN in built_in
    for basket in built_in_baskets().values():
        assert basket_line(basket) in built_in.splitlines()
    assert "* **spx_top** (SPX, partial): NVDA, AAPL," in built_in
    assert "* **banks** (XLF): JPM, BAC, WFC, C, GS, MS" in built_in
    assert own.strip().splitlines() == [
        "* Mistake: Your baskets file, line 7: 'NVDIA INC' is not a ticker.",
        "* **my_semis** (SMH, own weights): NVDA, AMD",
        "* **plain** (no index): BRK.B, NVDA",
    ]


async def test_without_a_file_of_their_own_a_user_reads_how_to_have_one(era: Era) -> None:
    async with a_wired_client(era) as client:
        text = await read(client, "exposure://baskets")
    assert text.rstrip().endswith("a table for each basket with symbols, weights and index.")
    assert "DEALER_EXPOSURE_BASKETS" in text


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = a_baskets_file(tmp_path)
    async with a_wired_client(baskets=file) as client:
        assert "**plain**" in await read(client, "exposure://baskets")
        file.write_text('[fresh]\nsymbols = ["NVDA"]\n', encoding="utf-8")
        text = await read(client, "exposure://baskets")
    assert "**fresh**" in text
    assert "**plain**" not in text
    assert "Mistake" not in text


async def test_hundreds_of_own_baskets_leave_the_text_short_and_are_counted(tmp_path: Path) -> None:
    many = "".join(f'[basket_{number:03d}]\nsymbols = ["NVDA", "AMD", "AVGO"]\n' for number in range(400))
    async with a_wired_client(baskets=a_baskets_file(tmp_path, f"[wrong]\nsymbols = 1\n{many}")) as client:
        text = await read(client, "exposure://baskets")
    assert len(text) <= LONGEST
    assert "line 2: symbols is a list of tickers" in text
    listed = text.count("**basket_")
    assert 50 < listed < 400
    assert text.endswith(f"* and {400 - listed} more.\n")


@pytest.mark.parametrize("name", ["semis", "SEMIS", "my_semis", "My%20Semis"])
async def test_one_basket_says_what_each_name_weighs(era: Era, name: str, tmp_path: Path) -> None:
    async with a_wired_client(era, baskets=a_baskets_file(tmp_path)) as client:
        text = await read(client, f"exposure://baskets/{name}")
    if "my" in name.lower():
        assert text.startswith("# my_semis\n")
        assert "* Origin: your baskets file\n" in text
        assert "* Weights: yours\n" in text
        assert text.endswith("| NVDA | 75.00% |\n| AMD | 25.00% |\n")
    else:
        assert text.startswith("# semis\n")
        assert "* Origin: built-in, as of 2026-11-22\n" in text
        assert "* Index or fund beside it: SMH\n" in text
        assert "* Weights: equal\n" in text
        assert text.count("| 12.50% |") == 8


async def test_a_partial_basket_says_that_it_is_not_the_index() -> None:
    async with a_wired_client() as client:
        partial = await read(client, "exposure://baskets/ndx_top")
        whole = await read(client, "exposure://baskets/banks")
    assert "NDX, of which the names are a part only: no result is the index's own" in partial
    assert "part only" not in whole


async def test_an_unknown_basket_is_a_sentence_with_the_nearest_names(era: Era, tmp_path: Path) -> None:
    async with a_wired_client(era, baskets=a_baskets_file(tmp_path)) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("exposure://baskets/my_semi")
    assert refused.value.error.code == INVALID_PARAMS
    assert refused.value.error.message.startswith("There is no basket named 'my_semi'. Did you mean my_semis")
    assert "Your baskets file, line 7" in refused.value.error.message


@pytest.mark.parametrize("uri", ["exposure://nothing", "exposure://baskets/../secrets", "exposure://baskets/%2Fetc%2Fpasswd"])
async def test_an_address_that_is_not_offered_is_refused(era: Era, uri: str) -> None:
    async with a_wired_client(era) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
    assert refused.value.error.code == INVALID_PARAMS


async def test_the_sources_say_what_the_running_one_answers_now(era: Era) -> None:
    source = a_source(synthetic=True, remarks=("One file cannot be read.",))
    async with a_wired_client(era, source) as client:
        text = await read(client, "exposure://sources")
    written, _, running = text.partition("## What this server answers now")
    assert written.rstrip() == document("sources").rstrip()
    assert running.strip().splitlines() == [
        "* Now: 2024-06-06 10:00 ET.",
        "* Without at: source hand-made (live), newest quote 2024-06-05 16:00 ET. SYNTHETIC DEMO MARKET, not market data.",
        "* Symbols, 3: AMD, BRK.B, NVDA.",
        "* Replay with at: 2024-06-05 16:00 ET to 2024-06-06 10:00 ET; a gap of up to 5 days is bridged and said.",
        "* Remark: One file cannot be read.",
    ]


async def test_a_source_with_much_to_say_keeps_the_text_short() -> None:
    names = [an_exposure(f"S{number:04d}") for number in range(1_000)]
    async with a_wired_client(source=a_source(*names, remarks=tuple(f"Remark {n} " + 200 * "x" for n in range(99)))) as client:
        text = await read(client, "exposure://sources")
    assert len(text) <= LONGEST
    assert "* Symbols, 1000: S0000, S0001," in text
    assert "and 800 more." in text
    remarks = text.count("* Remark: ")
    assert remarks > 10
    assert text.endswith(f"* and {99 - remarks} more.\n")


async def test_a_source_that_lists_and_keeps_nothing_says_so() -> None:
    source = a_source()
    original = source.status

    async def bare() -> object:
        return replace(await original(), symbols=None, newest_quote=None, replay_from=None, replay_to=None)

    source.status = bare  # type: ignore[assignment,method-assign]
    async with a_wired_client(source=source) as client:
        text = await read(client, "exposure://sources")
    assert "* Symbols: on demand, the source cannot list them." in text
    assert "* Replay with at: nothing to replay." in text
    assert "no quotes." in text


@in_a_checkout
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_packaged_text_is_the_one_in_docs(name: str) -> None:
    packaged = ROOT / "tools" / "reference" / f"{name}.md"
    written = DOCS / f"{name}.md"
    # What happens on the wire is for people, not for assistants.
    served = written.read_text(encoding="utf-8").partition("## When a provider misbehaves")[0].rstrip() + "\n"
    assert packaged.read_text(encoding="utf-8") == served, "run `make docs`"


@in_a_checkout
def test_the_document_on_baskets_lists_the_built_in_ones() -> None:
    text = (DOCS / "baskets.md").read_text(encoding="utf-8")
    lists = "\n".join(basket_line(one) for one in built_in_baskets().values())
    assert f"<!-- origin -->\n{ORIGIN}\n<!-- /origin -->" in text
    assert f"<!-- built-in -->\n{lists}\n<!-- /built-in -->" in text, f"docs/baskets.md is stale; it should say\n{lists}"


@in_a_checkout
def test_the_baskets_file_of_the_document_is_a_good_one() -> None:
    text = (DOCS / "baskets.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    baskets, problems = read_baskets(example)
    assert problems == ()
    assert list(baskets) == ["my_semis", "west_coast_banks"]
    assert baskets["my_semis"].weights == pytest.approx((0.5, 0.3, 0.2))


def test_the_example_file_of_these_tests_has_one_mistake() -> None:
    baskets, problems = read_baskets(BASKETS_FILE)
    assert json.dumps([list(baskets), [one.line for one in problems]]) == '[["my_semis", "plain"], [7]]'
