"""A bibliography that somebody keeps: read, joined, kept through a new conversion, and written again."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import bibtexparser
import pyarrow as pa
import pytest
from fake_flow import FakeChild, Place, write_pdf
from makers import DIMENSION, make_document, make_paper
from typer.testing import CliRunner

import pipeline
from cli import app
from errors import Unreadable
from ingest.bibfile import BibFile, read_bib_file
from records import BibEntry, Document, Filter, Reference, SearchMode
from store import tables
from store.bibtex import citation_keys, write_bibtex, write_csl
from store.joining import entry_of, join, with_entry
from store.library import Library

BIBTEX = r"""
@string{jg = "Journal of Growth"}
@article{mueller19,
  author = {M{\"u}ller, J{\"o}rg and {The ATLAS Collaboration} and van den Berg, Jan and Ann Smith and others},
  title = {{Growth} of \emph{E. coli} \& more than 5\% in $\alpha$ cells},
  journal = jg, year = 2019, volume = 12, number = {3}, pages = {1--9}, doi = {https://doi.org/10.1000/X_1}
}
@misc{attention, title = {Attention Is All You Need}, eprint = {1706.03762v5}, archiveprefix = {arXiv}, date = {2017-06-12}}
"""


def bib_file(folder: Path, text: str, name: str = "refs.bib") -> BibFile:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_bib_file(path)


def entry(key: str = "k", **item: object) -> BibEntry:
    return BibEntry(key=key, item=item)


def issued(year: int) -> dict[str, object]:
    return {"date-parts": [[year]]}


def test_bibtex_is_read_with_its_names_accents_and_identifiers(tmp_path):
    mueller, attention = bib_file(tmp_path, BIBTEX).entries

    assert mueller.key == "mueller19"
    assert mueller.item["author"] == [
        {"family": "Müller", "given": "Jörg"},
        {"literal": "The ATLAS Collaboration"},
        {"family": "van den Berg", "given": "Jan"},
        {"family": "Smith", "given": "Ann"},
    ]
    assert mueller.item["title"] == r"Growth of E. coli & more than 5% in $\alpha$ cells"
    assert {name: mueller.item[name] for name in ("type", "container-title", "volume", "issue", "page", "DOI", "issued")} == {
        "type": "article-journal",
        "container-title": "Journal of Growth",
        "volume": "12",
        "issue": "3",
        "page": "1-9",
        "DOI": "10.1000/x_1",
        "issued": issued(2019),
    }
    assert (attention.item["archive_location"], attention.item["issued"]) == ("1706.03762", issued(2017))


def test_csl_json_is_read_whoever_wrote_its_years(tmp_path):
    items = [
        {"id": "a", "title": "One", "issued": {"date-parts": [["2019", 3]]}, "DOI": "https://doi.org/10.1000/A"},
        {"id": 7, "title": "Two", "issued": {"raw": "May 2018"}, "URL": "https://arxiv.org/abs/1706.03762"},
        {"id": "nothing"},
    ]
    found = bib_file(tmp_path, json.dumps(items), "refs.json")
    one, two = found.entries
    assert (one.item["issued"], one.item["DOI"]) == ({"date-parts": [[2019, 3]]}, "10.1000/a")
    assert (two.key, two.item["issued"], two.item["archive_location"]) == ("7", issued(2018), "1706.03762")
    assert found.unread == ("item 3 has neither title nor DOI",)


def test_an_entry_that_cannot_be_read_costs_itself_only(tmp_path):
    found = bib_file(tmp_path, "@article{bad, title={x}\n@article{good, title={A good one}, year=2019}")
    assert [one.key for one in found.entries] == ["good"]
    assert len(found.unread) == 1 and found.unread[0].startswith("line 1:")


@pytest.mark.parametrize("text", ["", "no bibliography at all", "[", "@article{"])
def test_a_file_that_is_no_bibliography_is_named(tmp_path, text):
    with pytest.raises(Unreadable, match=r"refs\.bib .*Nothing was joined"):
        bib_file(tmp_path, text)
    with pytest.raises(Unreadable, match=r"nowhere\.bib"):
        read_bib_file(tmp_path / "nowhere.bib")


@pytest.mark.parametrize(
    ("item", "is_joined"),
    [
        ({"DOI": "10.1000/A"}, True),
        ({"archive": "arXiv", "archive_location": "1706.03762"}, True),
        ({"title": "Growth of <i>E. coli</i> in plásma", "issued": issued(2021)}, True),
        ({"title": "Growth of E. coli in plasma", "issued": issued(2020)}, True),  # the preprint's year
        ({"title": "Growth of E. coli in plasma"}, True),
        ({"title": "Growth of E. coli in plasma", "issued": issued(2011)}, False),
        ({"title": "Growth of E. coli", "issued": issued(2021)}, False),
        ({"DOI": "10.1000/b"}, False),
    ],
)
def test_an_entry_is_joined_by_doi_or_arxiv_id_or_title_and_year(item, is_joined):
    document = make_document(title="Growth of E. coli in plasma", year=2021, doi="10.1000/a", arxiv_id="1706.03762")
    found = join([document], [entry(**item)])
    assert (len(found.documents), len(found.unmatched)) == ((1, 0) if is_joined else (0, 1))


def test_an_entrys_fields_win_and_what_it_does_not_say_stays():
    csl = {"title": "Growht", "volume": "3", "custom": {"witnesses": {"title": ["page"], "DOI": ["page", "xmp"]}}}
    document = make_document(title="Growht", year=2021, doi="10.1000/a", csl=csl)

    (found,) = join(
        [document],
        [entry("k", title="Growth", DOI="10.1000/a", author=[{"family": "Berg", "given": "Jan"}], issued=issued(2022))],
    ).documents

    assert (found.title, found.authors, found.year, found.doi) == ("Growth", ("Jan Berg",), 2022, "10.1000/a")
    assert (found.csl["title"], found.csl["volume"]) == ("Growth", "3")
    witnesses = found.csl["custom"]["witnesses"]
    assert witnesses["title"] == ["bib"] and witnesses["author"] == ["bib"]
    assert entry_of(found).key == "k"


def test_a_joined_field_names_the_witnesses_that_agree_with_it():
    csl = {"DOI": "10.1000/a", "custom": {"witnesses": {"DOI": ["page", "xmp"]}}}
    found = with_entry(make_document(doi="10.1000/a", csl=csl), entry(DOI="10.1000/A"))
    assert found.csl["custom"]["witnesses"]["DOI"] == ["bib", "page", "xmp"]


def test_an_entry_that_stands_twice_is_not_told_as_unmatched():
    document = make_document(doi="10.1000/a")
    assert join([document], [entry("one", DOI="10.1000/a"), entry("two", DOI="10.1000/a")]).unmatched == ()


# In a library


def test_a_joined_year_is_found_by_a_search_and_a_new_conversion_keeps_it(library):
    paper = make_paper(year=2021)
    library.save_papers([paper])
    (joined,) = join([paper.document], [entry(title=paper.document.title, issued=issued(2020))]).documents
    library.save_documents([joined])

    def found(year: int) -> int:
        only = Filter(years=(year, year))
        return len(pipeline.search("First", library=library, embed=None, mode=SearchMode.TEXT, only=only))

    assert (found(2020), found(2021)) == (1, 0)
    library.save_papers([make_paper(year=2021, converter="rules/2")])
    assert (found(2020), found(2021)) == (1, 0)
    assert library.documents()[0].year == 2020


def test_a_table_made_before_a_column_was_there_is_given_it(tmp_path):
    import lancedb

    from store.schemas import schemas

    old = schemas(DIMENSION)[tables.CONVERSIONS]
    old = pa.schema([field for field in old if field.name != "references"])
    before = make_paper("before.pdf")
    row = tables.conversion_row(before.conversion)
    del row["references"]
    lancedb.connect(str(tmp_path / "lance")).create_table(tables.CONVERSIONS, pa.Table.from_pylist([row], schema=old))
    library = Library(tmp_path, embedding="test", dimension=DIMENSION)

    (known,) = library.conversions(before.document.id)
    after = make_paper("after.pdf")
    library.save_papers([replace(after, conversion=replace(after.conversion, references=library.blobs.put_text("[]")))])

    assert known == before.conversion and library.references(known) == ()
    assert library.conversions(after.document.id)[0].references is not None


def test_the_entries_of_a_reference_list_come_back_as_they_were_stored(library, ledger, tmp_path, monkeypatch):
    stored = Reference(id="Reference 1", label="1", text="Smith A. Growth. 2019.", page=3, authors=("Smith, A.",), year=2019)
    convert = FakeChild.convert
    monkeypatch.setattr(FakeChild, "convert", lambda *a, **k: replace(convert(*a, **k), references=(stored,)))
    place = Place(library, ledger)
    place.add(write_pdf(tmp_path, "a.pdf", "one."))

    paper = pipeline.paper(library.documents()[0].id, library=library)

    assert paper.references == (stored,)
    assert place.findings() == []  # the blob is known
    pipeline.remove([paper.document.id], library=library, ledger=ledger)
    assert list(library.blobs.digests()) == []


def test_joining_says_what_matched_and_what_did_not(library, ledger, tmp_path):
    place = Place(library, ledger)
    place.add(write_pdf(tmp_path, "a.pdf", "one."))
    before = ledger.newest("chunks", [library.documents()[0].id])
    bib = BibFile(
        entries=(entry("mine", title="On a.pdf and more", DOI="10.1/x"), entry("other", title="Not here at all")), unread=()
    )
    (document,) = library.documents()
    library.save_documents([replace(document, doi="10.1/x")])

    report = pipeline.join_bibliography(bib, library=library, ledger=ledger)

    assert (report.entries, report.joined, report.unmatched) == (2, 1, ("other",))
    after = ledger.newest("chunks", [document.id])
    assert before != after and after[document.id].detail["bib"]  # so that a running API forgets what it remembers
    assert place.findings() == []


# Written


def bibtex(*documents: Document) -> str:
    out = io.StringIO()
    write_bibtex(documents, citation_keys(documents), out)
    return out.getvalue()


def test_bibtex_that_was_read_and_joined_is_written_as_it_was(tmp_path):
    mueller, _ = bib_file(tmp_path, BIBTEX).entries
    written = bibtex(with_entry(make_document(title=None, authors=(), year=None), mueller))
    again = bib_file(tmp_path, written, "again.bib").entries[0]
    told = {name: value for name, value in mueller.item.items() if name not in ("id", "title")}
    assert again.key == "mueller19"
    assert {name: again.item[name] for name in told} == told
    assert again.item["title"] == r"Growth of E. coli & more than 5% in $\alpha$ cells"


HOSTILE = "50% of A_b & C#1 {or} $5^2$ ~ \\input{/etc/passwd}\n\x07}"


def test_signs_that_latex_would_obey_are_escaped():
    written = bibtex(make_document(title=HOSTILE, csl={"container-title": HOSTILE, "author": [{"literal": HOSTILE}]}))

    library = bibtexparser.parse_string(written)

    assert library.failed_blocks == [] and len(library.entries) == 1
    fields = {field.key: field.value for field in library.entries[0].fields}
    assert fields["journal"] == (
        r"50\% of A\_b \& C\#1 \{or\} \$5\textasciicircum{}2\$ \textasciitilde{} \textbackslash{}input\{/etc/passwd\} \}"
    )
    assert "\x07" not in written


def test_a_doi_and_an_address_stay_as_they_are():
    written = bibtex(make_document(doi="10.1000/a_b(1)", csl={"URL": "https://x.org/a_b%20c#d"}))
    assert "doi = {10.1000/a_b(1)}" in written and "url = {https://x.org/a_b%20c#d}" in written


def test_keys_are_made_of_the_paper_and_stay_though_others_are_left_out():
    names = {"author": [{"family": "Müller-Lüdenscheidt", "given": "J."}]}
    one = make_document("one.pdf", title="The growth of bacteria", year=2019, csl=names)
    twin = make_document("twin.pdf", title="Growth again", year=2019, csl=names)
    other = make_document("other.pdf", title=None, authors=(), year=None)

    keys = citation_keys([one, twin, other])

    assert keys[one.id] == f"mullerludenscheidt2019growth-{one.id[:6]}"
    assert keys[twin.id] == f"mullerludenscheidt2019growth-{twin.id[:6]}"
    assert keys[other.id] == f"doc{other.id[:12]}"
    assert citation_keys([one])[one.id] == "mullerludenscheidt2019growth"


def test_csl_json_is_written_without_what_is_our_own():
    out = io.StringIO()
    document = make_document(csl={"id": "x", "title": "T", "custom": {"witnesses": {}}})
    write_csl([document], {document.id: "key"}, out)
    assert json.loads(out.getvalue()) == [{"id": "key", "title": "T"}]


def test_the_command_exports_papers_and_joins_a_bibliography_to_those_that_are_here(library, ledger, tmp_path, monkeypatch):
    Place(library, ledger).add(write_pdf(tmp_path, "half-life-in-plasma.pdf", "one."))
    (document,) = library.documents()
    path = tmp_path / "refs.bib"
    path.write_text(f"@article{{mykey, title={{{document.title}}}, year={{{document.year}}}, author={{Berg, Jan}}}}")

    class FakeWorkplace:
        def __init__(self, *_: object) -> None:
            self.library, self.ledger = library, ledger

    monkeypatch.setattr("cli.open_place", lambda ctx, *_, **__: FakeWorkplace())
    joined = pipeline.join_bibliography(read_bib_file(path), library=library, ledger=ledger)
    result = CliRunner().invoke(app, ["export", "--format", "bibtex"])

    assert joined.joined == 1
    assert "@article{mykey," in result.stdout and "author = {Berg, Jan}" in result.stdout
    assert CliRunner().invoke(app, ["export", "--format", "csv"]).exit_code == 2  # a run has to be named
    assert CliRunner().invoke(app, ["add"]).exit_code == 2
