"""The `reread` command. Each command takes a request, calls one function of the flow, and shapes the answer.

Data goes to stdout, everything else to stderr; with --json stdout holds one JSON document. Nothing slow is imported before a
command needs it: `reread --help` must not wait for torch.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

import dev_server
import energy_commands
import model_commands
import prompt_commands
import route_commands
import service
from commands import EXITS, DocArgument, DocsOption, Exit, JsonOption, LibraryOption, WhereOption, open_place, print_json
from errors import InputRefused, RereadError
from records import Filter, SearchMode, as_json

if TYPE_CHECKING:
    from pipeline import StoredPaper
    from workplace import Workplace


app = typer.Typer(
    name="reread",
    help="Convert scientific papers once; reread them with every new prompt.",
    epilog="reread add papers/  ·  reread reprocess prompts/findings.yaml  ·  reread search 'half-life in plasma'",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


service.register(app)
model_commands.register(app)
energy_commands.register(app)
dev_server.register(app)
prompt_commands.register(app)
route_commands.register(app)


@app.callback()
def options(ctx: typer.Context, library: LibraryOption = None, as_json_: JsonOption = False) -> None:
    ctx.obj = {"library": library, "json": as_json_}


@app.command()
def add(
    ctx: typer.Context,
    papers: Annotated[
        list[str] | None, typer.Argument(metavar="PAPER...", help="Files, folders, patterns; '-' reads a list from stdin.")
    ] = None,
    bib: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A BibTeX or CSL-JSON file that you keep: its fields win, for papers here too."),
    ] = None,
    converter: Annotated[str | None, typer.Option(help="rules (no weights), neural (Docling's models) or auto (both).")] = None,
    artifacts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with Docling's model weights, for neural and auto.")
    ] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Convert papers that were never converted, and store them with their chunks and vectors."""
    import pipeline
    import screens
    from ingest.bibfile import read_bib_file
    from ingest.source import find_sources

    if not papers and not bib:
        raise typer.BadParameter("name a file or a folder, or a bibliography with --bib", param_hint="PAPER...")
    place = open_place(ctx, library, as_json_, converter=converter, artifacts=artifacts)
    kept = read_bib_file(bib) if bib else None  # before hours of converting
    paths = list(find_sources(papers, sys.stdin.buffer)) if papers else []
    place.create_library_if_missing()
    total = sum(path.stat().st_size for path in paths if path.is_file())
    with _interruptible("add", place), screens.add_progress(total) as progress:
        report = pipeline.add(
            paths,
            library=place.library,
            ledger=place.ledger,
            recipe=place.recipe,
            max_bytes=place.settings.max_file_mb << 20,
            children=place.children,
            attempts=place.settings.convert_attempts,
            embed=place.embed,
            progress=progress,
        )
    joined = pipeline.join_bibliography(kept, library=place.library, ledger=place.ledger) if kept else None
    if ctx.obj["json"]:
        print_json({**as_json(report), **({"bibliography": as_json(joined)} if joined else {})})
    else:
        screens.show_add(report) if papers else None
        screens.show_joined(joined) if joined else None
    if report.failures:
        alone = len(report.failures) == 1 and not report.added and not report.known
        if not ctx.obj["json"] and alone:
            screens.note(report.failures[0].reason)
        refused = report.failures[0].code in {error.code for error in InputRefused.__subclasses__()}
        raise typer.Exit(Exit.REFUSED if alone and refused else Exit.SOME_FAILED)


@app.command()
def reprocess(
    ctx: typer.Context,
    prompt_file: Annotated[Path, typer.Argument(metavar="PROMPT", help="A prompt file, such as prompts/findings.yaml.")],
    model: Annotated[
        str | None,
        typer.Option(help="Alias of a model, or one for each lane as 'qwen-4b+qwen-vl-8b'; 'embedded' needs no server."),
    ] = None,
    doc: DocsOption = None,
    where: WhereOption = None,
    emit_batch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read nothing: write what is left to read as an OpenAI batch (JSONL).")
    ] = None,
    import_batch: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Take the answers from a batch's output; may be given again.")
    ] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Read the stored papers with a prompt. What was read with it before is not read again."""
    import batch_commands
    import pipeline
    import screens
    from extract.prompts.files import load_prompt
    from rereading import Question

    place = open_place(ctx, library, as_json_)
    prompt = load_prompt(prompt_file)
    alias = model or prompt.model or place.settings.model
    doc_ids = pipeline.chosen_documents(doc, where, library=place.library, ledger=place.ledger)
    question, fit = Question(prompt=prompt, panel=place.panel(alias)), None
    if emit_batch:
        emitted = batch_commands.emit(question, doc_ids, emit_batch, library=place.library)
        print_json(emitted) if ctx.obj["json"] else batch_commands.show_emitted(emitted)
        return
    if import_batch:
        question, fit = batch_commands.answers_for(question, import_batch, doc_ids, library=place.library)
    total = sum(line.detail["chunks"] for line in place.ledger.newest("chunks", doc_ids).values())
    with _interruptible(f"reprocess {prompt_file}", place), screens.read_progress(total) as progress:
        report = pipeline.reprocess(
            question,
            model=alias,
            doc_ids=doc_ids,
            selection=" where ".join(filter(None, [", ".join(doc or ["all"]), where])),
            library=place.library,
            ledger=place.ledger,
            progress=progress,
        )
    if ctx.obj["json"]:
        print_json({**as_json(report), **({"batch": as_json(fit)} if fit else {})})
    else:
        batch_commands.show_fit(fit) if fit else None
        screens.show_read(report, prompt.name)
    if report.failed:
        raise typer.Exit(Exit.SOME_FAILED)


@app.command()
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(metavar="WORDS")],
    mode: Annotated[SearchMode, typer.Option(help="By meaning, by words, or both.")] = SearchMode.HYBRID,
    in_: Annotated[
        str, typer.Option("--in", metavar="chunks|extractions", help="Search the papers, or what was read from them.")
    ] = "chunks",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    doc: DocsOption = None,
    year: Annotated[str | None, typer.Option(metavar="Y | Y-Y", help="Only papers of this year or these years.")] = None,
    page: Annotated[str | None, typer.Option(metavar="N | N-N", help="Only what stands on these pages.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="text, table, figure, formula or references; may be given again.")
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only extractions of this run.")] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Find passages, or values that were read, by meaning and by words."""
    import pipeline
    import screens

    if in_ not in ("chunks", "extractions"):
        raise typer.BadParameter("it is chunks or extractions", param_hint="--in")
    place = open_place(ctx, library, as_json_)
    chosen = place.ledger.run(run) if run else None
    doc_ids = [pipeline.document_named(name, place.ledger) for name in doc] if doc else None
    if chosen and doc_ids is None:
        doc_ids = place.ledger.run_documents(chosen.id)
    hits = pipeline.search(
        query,
        library=place.library,
        embed=place.embed() if mode is not SearchMode.TEXT else None,
        mode=mode,
        limit=limit,
        only=Filter(
            doc_ids=tuple(doc_ids) if doc_ids is not None else None,
            years=_range(year, "--year"),
            pages=_range(page, "--page"),
            kinds=tuple(kind) if kind else None,
            reading_key=chosen.reading_key if chosen else None,
        ),
        in_extractions=in_ == "extractions" or chosen is not None,
    )
    if ctx.obj["json"]:
        print_json({"query": query, "mode": mode.value, "hits": [as_json(hit) for hit in hits]})
    elif hits:
        screens.show_hits(hits, query)
    else:
        screens.note("Nothing was found.")


@app.command()
def show(
    ctx: typer.Context,
    doc: DocArgument,
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole paper as Markdown.")] = False,
    quality: Annotated[bool, typer.Option("--quality", help="How well it could be read, page by page.")] = False,
    references: Annotated[bool, typer.Option("--references", help="The entries of its reference list.")] = False,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="With --png: the run whose evidence is drawn.")] = None,
    page: Annotated[int | None, typer.Option(min=1, help="With --png: the page; else that with most evidence.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw what RUN read of a page on that page.")] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """What the library knows of one paper; with --json all of it, chunks and the DoclingDocument included."""
    import paper_screens
    import pipeline
    import screens

    place = open_place(ctx, library, as_json_)
    paper = pipeline.paper(pipeline.document_named(doc, place.ledger), library=place.library)
    if png or run:
        if not (png and run):
            raise typer.BadParameter("--run and --png go together", param_hint="--png")
        drawn = _draw_evidence(place, paper, run, page, png)
        print_json(drawn) if ctx.obj["json"] else print(f"page {drawn['page']}: {drawn['values']} values drawn to {png}")
    elif markdown:
        print(screens.printable(place.library.blobs.get_text(paper.conversion.markdown)))
    elif quality:
        from ingest.report import quality_report

        report = quality_report(paper.conversion)
        if ctx.obj["json"]:
            print_json(as_json(report))
        else:
            paper_screens.show_quality(report)
    elif references and ctx.obj["json"]:
        print_json(as_json(paper.references))
    elif references:
        paper_screens.show_references(paper)
    elif ctx.obj["json"]:
        docling = json.loads(place.library.blobs.get_text(paper.conversion.docling_json))
        facts = {name: getattr(paper, name) for name in ("document", "conversion", "references", "chunks")}
        print_json({**as_json(facts), "docling": docling})
    else:
        runs = [run for run in place.ledger.runs() if paper.document.id in place.ledger.run_documents(run.id)]
        paper_screens.show_paper(paper, runs)


def _draw_evidence(place: Workplace, paper: StoredPaper, run: str, page: int | None, png: Path) -> dict[str, Any]:
    import evidence_picture
    from ingest.page_view import view_pages

    chosen = place.ledger.run(run)
    found = list(place.library.extractions(chosen.reading_key, [paper.document.id]))
    number = evidence_picture.page_of_evidence(found, page)
    (view,) = view_pages(place.library.blobs.get(paper.document.id), [number], dpi=evidence_picture.DPI)
    marks = list(evidence_picture.marks_of(found, paper.chunks, view))
    try:
        evidence_picture.draw(view, marks).save(png, "PNG")
    except OSError as error:
        raise typer.BadParameter(f"{png} cannot be written: {error}", param_hint="--png") from error
    return {"run": chosen.id, "page": number, "values": len(marks), "png": str(png)}


@app.command()
def runs(ctx: typer.Context, library: LibraryOption = None, as_json_: JsonOption = False) -> None:
    """The runs there are, oldest first."""
    import screens

    place = open_place(ctx, library, as_json_)
    found = place.ledger.runs()
    if ctx.obj["json"]:
        print_json([as_json(run) for run in found])
    else:
        screens.show_runs(found)


@app.command()
def export(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run's id, a unique beginning of it, or a prompt's name for its newest run."),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="jsonl|csv|parquet|bibtex|csl-json", help="The last two: the papers themselves.")
    ] = "jsonl",
    doc: DocsOption = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; else stdout.")] = None,
    failures: Annotated[bool, typer.Option("--failures", help="Also what failed and what was empty (jsonl only).")] = False,
    require: Annotated[
        str | None,
        typer.Option(metavar="supported|unrefuted", help="Only values that the checks supported, or did not refute."),
    ] = None,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """What a run read, with its evidence; or the bibliography of the papers: all, those of a run, or those named."""
    import pipeline
    import screens
    from store import bibtex
    from store import export as files
    from store.requiring import REQUIREMENTS, requiring

    if format_ not in (*files.FORMATS, *bibtex.FORMATS):
        raise typer.BadParameter(f"it is one of {', '.join((*files.FORMATS, *bibtex.FORMATS))}", param_hint="--format")
    if require and require not in REQUIREMENTS:
        raise typer.BadParameter(f"it is one of {', '.join(REQUIREMENTS)}", param_hint="--require")
    if format_ in bibtex.FORMATS:
        _export_bibliography(open_place(ctx, library, as_json_), run, doc, format_, out)
        return
    if run is None or doc:
        raise typer.BadParameter(f"{format_} exports one run: name it", param_hint="RUN")
    if format_ == "parquet" and out is None and not (as_json_ or ctx.obj["json"]):
        raise typer.BadParameter("Parquet needs a file: --out FILE", param_hint="--out")
    place = open_place(ctx, library, as_json_)
    chosen = place.ledger.run(run)
    extractions, documents = pipeline.run_extractions(chosen, library=place.library, ledger=place.ledger, everything=failures)
    if require:
        extractions = requiring(extractions, REQUIREMENTS[require])
    if ctx.obj["json"] and out is None:
        print_json({"run": chosen.id, "extractions": [files.json_line(found, documents) for found in extractions]})
        return
    if format_ == "parquet":
        assert out
        n = files.write_parquet(extractions, documents, out)
    else:
        write = files.write_jsonl if format_ == "jsonl" else files.write_csv
        with _writable(out) if out else nullcontext(sys.stdout) as stream:
            n = write(extractions, documents, stream)
    if ctx.obj["json"]:
        print_json({"run": chosen.id, "out": str(out), "rows": n})
    screens.note(f"{n:,} {'extractions' if format_ == 'jsonl' else 'rows'} exported")


def _export_bibliography(place: Workplace, run: str | None, docs: list[str] | None, format_: str, out: Path | None) -> None:
    import pipeline
    import screens
    from store import bibtex

    doc_ids = [pipeline.document_named(name, place.ledger) for name in docs] if docs else None
    if run:
        in_run = place.ledger.run_documents(place.ledger.run(run).id)
        doc_ids = in_run if doc_ids is None else [doc_id for doc_id in doc_ids if doc_id in in_run]
    every = place.library.documents()
    chosen = [document for document in every if doc_ids is None or document.id in doc_ids]
    keys = bibtex.citation_keys(every)  # of all, so that a part of them has the same keys
    write = bibtex.write_bibtex if format_ == "bibtex" else bibtex.write_csl
    with _writable(out) if out else nullcontext(sys.stdout) as stream:
        n = write(chosen, keys, stream)
    screens.note(f"{n:,} documents exported")


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}", param_hint="--out") from error


@app.command()
def status(
    ctx: typer.Context,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents too.")] = False,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """How much is stored, what waits, what failed."""
    import pipeline
    import screens

    place = open_place(ctx, library, as_json_)
    facts = pipeline.status(library=place.library, ledger=place.ledger)
    if ctx.obj["json"]:
        listed = [as_json(document) for document in place.library.documents()] if documents else None
        print_json({**as_json(facts), **({"document_list": listed} if listed is not None else {})})
        return
    screens.show_status(facts, place.library.root)
    if documents:
        rows = [(d.id[:12], d.name, d.year or "", d.title or "") for d in place.library.documents()]
        screens.show_table(("id", "name", "year", "title"), rows)


@app.command()
def audit(
    ctx: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Also hash every blob.")] = False,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Prove that ledger, blobs and rows agree; exits 1 where they do not."""
    import pipeline
    import screens

    place = open_place(ctx, library, as_json_)
    findings = pipeline.audit(place.library, place.ledger, deep=deep)
    if ctx.obj["json"]:
        print_json({"agrees": not findings, "findings": [as_json(finding) for finding in findings]})
    elif findings:
        screens.show_table(("what", "kind", "key", "reason"), [(f.what, f.kind, f.key[:25], f.reason) for f in findings])
    else:
        facts = pipeline.status(library=place.library, ledger=place.ledger)
        print(
            f"agreed: {facts.documents:,} documents, {facts.chunks:,} chunks, {facts.extractions:,} extractions, {facts.blobs:,} blobs"
        )
    if findings:
        raise typer.Exit(Exit.SOME_FAILED)


@app.command()
def remove(
    ctx: typer.Context,
    docs: Annotated[list[str], typer.Argument(metavar="DOC...")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    library: LibraryOption = None,
    as_json_: JsonOption = False,
) -> None:
    """Delete papers and everything that was read from them."""
    import pipeline

    place = open_place(ctx, library, as_json_)
    doc_ids = [pipeline.document_named(doc, place.ledger) for doc in docs]
    if not yes:
        typer.confirm(f"Delete {len(doc_ids)} documents with all that was read from them?", abort=True, err=True)
    pipeline.remove(doc_ids, library=place.library, ledger=place.ledger)
    if ctx.obj["json"]:
        print_json({"removed": doc_ids})
    else:
        print(f"{len(doc_ids)} removed")


@app.command()
def doctor(ctx: typer.Context, library: LibraryOption = None, as_json_: JsonOption = False) -> None:
    """Check everything that Reread needs here; each finding with its fix."""
    import screens
    from checkup import check_all

    place = open_place(ctx, library, as_json_)
    checks = check_all(place)
    if ctx.obj["json"]:
        print_json([as_json(check) for check in checks])
    else:
        screens.show_table(("", "check", "found", "fix"), [(c.verdict, c.name, c.found, c.fix) for c in checks])
    if any(check.verdict == "fail" for check in checks):
        unreachable = all(check.is_unreachable for check in checks if check.verdict == "fail")
        raise typer.Exit(Exit.UNREACHABLE if unreachable else Exit.SOME_FAILED)


def _range(text: str | None, option: str) -> tuple[int, int] | None:
    """'2019' or '2019-2021' as its first and last number."""
    if text is None:
        return None
    first, _, last = text.partition("-")
    try:
        return int(first), int(last or first)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a number or two with a '-' between", param_hint=option) from error


class _interruptible:
    """End a command that is interrupted with what is done and how to go on."""

    def __init__(self, command: str, place: Workplace) -> None:
        self._command, self._place = command, place

    def __enter__(self) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            import screens

            screens.note(f"Interrupted. What is done is stored; the same `reread {self._command}` goes on from there.")
            raise typer.Exit(Exit.INTERRUPTED)


def _fail(error: RereadError, arguments: Iterable[str]) -> Exit:
    print(f"{error.code}: {error}", file=sys.stderr)
    if "--json" in arguments:
        print_json({"error": {"code": error.code, "message": str(error)}})
    return next((code for kind, code in EXITS if isinstance(error, kind)), Exit.SOME_FAILED)


def main() -> None:
    """The entry point: errors of ours become one line and an exit code."""
    # Importing makes objects by the hundred thousand and no garbage: with Python's usual threshold the collector takes a tenth
    # of each cold command.
    gc.set_threshold(100_000, 20, 20)
    code: int = Exit.OK
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else Exit.OK
    except RereadError as error:
        code = _fail(error, sys.argv)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End now: everything is stored, and taking a large interpreter apart object by object takes 0.3 s."""
    with suppress(BrokenPipeError):  # `reread search … | head`
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
