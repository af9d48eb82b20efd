"""Tables from words and rulings alone: columns, rows, headings, exact values, tables over two pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from docling_core.types.doc import DoclingDocument, PageItem, Size

from ingest.layout.block import Block, Cell, Grid, Kind
from ingest.layout.continued import join_tables
from ingest.layout.document import add_blocks
from ingest.layout.grid import read_grid
from ingest.layout.page import ASCENT, DESCENT, Face, Rect, Word
from ingest.layout.table_rulings import column_cuts, merged_rulings
from ingest.markdown import document_markdown

FACE = Face("Serif", False, False, False, False, 1.0, 0.2)
CHAR = 5.0  #: points; every letter of the tests' type is as wide


def word(text: str, left: float, base: float, size: float = 10.0) -> Word:
    width = len(text) * CHAR * size / 10
    return Word(text, Rect(left, base - DESCENT * size, left + width, base + ASCENT * size), size, base, FACE)


def line(base: float, *cells: tuple[float, str]) -> list[Word]:
    """The words of one line; each cell begins at its x, words are 2.5 points apart."""
    words = []
    for left, text in cells:
        for part in text.split():
            words.append(word(part, left, base))
            left = words[-1].rect.right + 2.5
    return words


def across(left: float, right: float, y: float) -> Rect:
    return Rect(left, y, right, y)


def rows_of(words: Sequence[Word], rulings: Sequence[Rect] = (), down: Sequence[Rect] = ()) -> list[list[str]]:
    grid = read_grid(words, rulings, down, frozenset())
    assert grid is not None
    rows = [[""] * grid.n_columns for _ in range(grid.n_rows)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = cell.text
    return rows


def test_lines_of_prose_in_a_cell_are_one_row():
    words = [
        *line(100, (0, "Method"), (100, "Description")),
        *line(85, (0, "Talks"), (100, "Teachers present a topic and ask")),
        *line(73, (100, "questions to the class.")),
        *line(61, (0, "Live coding or"), (100, "Teachers write code and show us how")),
        *line(49, (0, "shown code"), (100, "a tool works.")),
        *line(37, (0, "Tasks"), (100, "Students solve short tasks alone.")),
    ]
    assert rows_of(words, [across(0, 270, y) for y in (112, 95, 30)]) == [
        ["Method", "Description"],
        ["Talks", "Teachers present a topic and ask questions to the class."],
        ["Live coding or shown code", "Teachers write code and show us how a tool works."],
        ["Tasks", "Students solve short tasks alone."],
    ]


def test_values_below_each_other_are_rows_though_only_groups_are_ruled_off():
    words = [
        *line(100, (0, "Parser"), (100, "Training"), (200, "F1")),
        *line(88, (0, "Petrov"), (100, "news only"), (200, "90.4")),
        *line(76, (0, "Dyer"), (100, "news only"), (200, "91.7")),
        *line(64, (0, "Ours"), (100, "all"), (200, "92.7")),
        *line(52, (0, "Luong"), (100, "all"), (200, "93.0")),
    ]
    rows = rows_of(words, [across(0, 220, y) for y in (110, 97, 73, 48)])
    assert [row[2] for row in rows] == ["F1", "90.4", "91.7", "92.7", "93.0"]


def test_a_value_and_its_interval_are_one_cell():
    words = [*line(100, (0, "Name"), (80, "Ratio"), (180, "p"))]
    for n, (name, low) in enumerate([("Age", "1.26"), ("Sex", "1.04"), ("Weight", "2.29"), ("Height", "3.30")]):
        words += line(85 - 12 * n, (0, name), (80, f"{low} (0.85-1.86)"), (180, "0.24"))
    assert rows_of(words, [across(0, 200, y) for y in (112, 95, 40)])[1] == ["Age", "1.26 (0.85-1.86)", "0.24"]


def test_columns_that_nearly_touch_are_told_by_the_joints_of_rulings():
    pieces = [Rect(low, y, high, y) for y in (112, 95, 60) for low, high in ((0, 98), (98, 150), (150, 200))]
    words = [
        *line(100, (0, "Kind"), (100, "Visits"), (152, "Hours")),
        *line(85, (0, "patients seen first"), (100, "171"), (152, "0.35")),
        *line(70, (0, "patients seen again"), (100, "702"), (152, "1.32")),
    ]
    assert column_cuts(pieces, Rect(0, 60, 200, 110)) == [98, 150]
    assert rows_of(words, pieces)[1] == ["patients seen first", "171", "0.35"]


def test_a_heading_over_a_ruling_spans_the_columns_below_it():
    words = [
        *line(112, (100, "Crude"), (220, "Adjusted")),
        *line(98, (0, "Name"), (80, "HR"), (140, "p"), (210, "HR"), (270, "p")),
        *line(80, (0, "Age"), (80, "1.0"), (140, "0.2"), (210, "1.1"), (270, "0.3")),
        *line(68, (0, "Sex"), (80, "2.0"), (140, "0.4"), (210, "2.1"), (270, "0.5")),
    ]
    rulings = [across(0, 290, 124), across(80, 160, 108), across(210, 290, 108), across(0, 290, 92), across(0, 290, 60)]
    grid = read_grid(words, rulings, (), frozenset())
    assert grid is not None
    spans = {cell.text: (cell.column, cell.column_end) for cell in grid.cells if cell.row == 0}
    assert spans == {"Crude": (1, 3), "Adjusted": (3, 5)}
    assert [cell.is_header for cell in grid.cells].count(True) == 7


def test_an_exponent_is_not_read_into_its_number():
    words = [
        *line(100, (0, "Name"), (80, "Value")),
        *line(85, (0, "first"), (80, "8.0 × 10")),
        word("-4", 115, 89, 7),
        *line(70, (0, "second"), (80, "0.7")),
        word("1", 95, 74, 7),
    ]
    rows = rows_of(words, [across(0, 140, y) for y in (112, 95, 60)])
    assert [row[1] for row in rows] == ["Value", "8.0 × 10⁻⁴", "0.7¹"]


def test_rulings_of_a_box_make_rows_of_centred_cells():
    words = [
        *line(100, (2, "Strain"), (102, "Source")),
        *line(86, (102, "This work was done")),
        *line(80, (2, "EDC1")),
        *line(74, (102, "in our rooms")),
        *line(56, (102, "A gift of the late")),
        *line(50, (2, "EDC2")),
        *line(44, (102, "Professor Noone")),
    ]
    down = [Rect(x, 40, x, 112) for x in (0, 100, 200)]
    assert rows_of(words, [across(0, 200, y) for y in (112, 96, 66, 40)], down) == [
        ["Strain", "Source"],
        ["EDC1", "This work was done in our rooms"],
        ["EDC2", "A gift of the late Professor Noone"],
    ]


def test_rulings_side_by_side_stay_apart_and_doubles_are_one():
    assert merged_rulings([across(0, 100, 344), across(150, 250, 344), across(0, 100, 343), across(150, 250, 343)]) == [
        Rect(0, 343, 100, 344),
        Rect(150, 343, 250, 344),
    ]


def table(page: int, rows: Sequence[Sequence[str]]) -> Block:
    cells = [
        Cell(
            rect=Rect(100.0 * c, 700.0 - 12 * r, 100.0 * c + 40, 710.0 - 12 * r),
            text=text,
            row=r,
            row_end=r + 1,
            column=c,
            column_end=c + 1,
            is_header=r == 0,
        )
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    grid = Grid(n_rows=len(rows), n_columns=len(rows[0]), cells=tuple(cells))
    return Block(kind=Kind.TABLE, page=page, rect=Rect(0, 100, 240, 710), grid=grid)


def test_a_table_that_goes_on_over_the_page_is_one_and_its_header_is_not_said_twice():
    pages = join_tables([[table(1, [["Name", "Value"], ["a", "1"]])], [table(2, [["Name", "Value"], ["b", "2"]])]])

    assert [len(page) for page in pages] == [1, 0]
    whole = pages[0][0]
    assert whole.grid is not None and whole.grid.n_rows == 3
    assert [part.page for part in whole.more] == [2]


def test_markdown_has_each_row_of_a_header_and_each_cell_once():
    head = Cell(rect=Rect(0, 0, 9, 9), text="Both", row=0, row_end=1, column=0, column_end=2, is_header=True)
    block = table(1, [["", ""], ["Low", "High"], ["1", "2"]])
    assert block.grid is not None
    grid = Grid(n_rows=3, n_columns=2, cells=(head, *(cell for cell in block.grid.cells if cell.row)))
    document = DoclingDocument(name="paper")
    document.pages[1] = PageItem(page_no=1, size=Size(width=600, height=800))
    add_blocks(document, [Block(kind=Kind.TABLE, page=1, rect=block.rect, grid=grid)])

    lines = [" ".join(row.replace("|", " ").split()) for row in document_markdown(document).splitlines()]
    assert [row for row in lines if "-" not in row] == ["Both", "Low High", "1 2"]


def test_notes_of_a_table_stand_below_it_in_markdown():
    block = table(1, [["Name", "Value"], ["a", "1"]])
    note = Block(kind=Kind.FOOTNOTE, page=1, rect=Rect(0, 80, 240, 90), text="Values are means.")
    document = DoclingDocument(name="paper")
    document.pages[1] = PageItem(page_no=1, size=Size(width=600, height=800))
    add_blocks(document, [replace(block, notes=(note,))])

    assert document_markdown(document).endswith("|\n\nValues are means.")


def test_a_shaded_row_is_one_row_and_the_outlines_of_its_pieces_are_no_rulings():
    words = [*line(100, (0, "Tool"), (120, "Address"))]
    names = [("kallisto", "https://one.org/kallisto/", "tag/v2"), ("canu", "https://two.org/marbl/", "en/stable")]
    for n, (name, first, second) in enumerate(names):
        words += [*line(85 - 24 * n, (0, name), (120, first)), *line(75 - 24 * n, (120, second))]
    shades = [Rect(0, low, 260, low + 24) for low in (72, 48)] + [Rect(120, low, 260, low + 12) for low in (72, 48)]
    pieces = [across(120, 260, low + 12) for low in (72, 48)]

    grid = read_grid(words, [across(0, 260, y) for y in (112, 96)] + pieces, (), frozenset(), shades)

    assert grid is not None
    assert [cell.text for cell in grid.cells if cell.column == 1][1:] == [a + b for _, a, b in names]


def test_rows_of_two_shades_hold_cells_of_several_lines():
    words = [*line(106, (0, "Name"), (100, "What it is"))]
    for n, name in enumerate(("Membrane", "Channel", "Synapse")):
        words += line(90 - 40 * n, (100, "It opens slowly."))
        words += line(80 - 40 * n, (0, name), (100, "It has one gate."))
        words += line(70 - 40 * n, (0, "current"), (100, "Its unit is mV."))
    shades = [Rect(0, low, 200, low + 40) for low in (62, 22, -18)]

    grid = read_grid(words, [across(0, 200, y) for y in (118, 102)], (), frozenset(), shades)

    assert grid is not None
    assert [cell.text for cell in grid.cells if cell.column == 0] == [
        "Name",
        "Membrane current",
        "Channel current",
        "Synapse current",
    ]


def test_a_raised_number_belongs_to_the_word_before_it_not_to_the_row_above():
    words = [
        *line(100, (0, "Tool"), (80, "Source")),
        *line(85, (0, "yass"), (80, "Noe and Kucherov")),
        word("51", 155.5, 88, 5.5),
        *line(77, (0, "bandage"), (80, "Wick et al")),
        word("52", 125.5, 81, 5.5),
        *line(69, (0, "canu"), (80, "Koren et al")),
        word("53", 130.5, 73, 5.5),
    ]
    rows = rows_of(words, [across(0, 180, y) for y in (112, 95, 60)])
    assert [row[1] for row in rows][1:] == ["Noe and Kucherov⁵¹", "Wick et al⁵²", "Koren et al⁵³"]


def test_a_name_of_rows_stands_alone_and_an_indented_second_line_goes_on():
    words = [
        *line(100, (0, "Source"), (200, "First"), (260, "Both")),
        *line(85, (0, "Of scale:")),
        *line(73, (0, "Material in front of all of it"), (200, "0.15"), (260, "0.03")),
        *line(61, (0, "Vertex and conversion"), (200, "0.05"), (260, "0.01")),
        *line(49, (12, "reconstruction")),
        *line(37, (0, "Luminosity"), (200, "0.01"), (260, "0.02")),
    ]
    rows = rows_of(words, [across(0, 290, y) for y in (112, 95, 30)])
    assert [row[0] for row in rows] == [
        "Source",
        "Of scale:",
        "Material in front of all of it",
        "Vertex and conversion reconstruction",
        "Luminosity",
    ]


def test_a_fraction_in_a_cell_is_composed():
    words = [*line(112, (0, "Name"), (100, "Equation")), *line(90, (0, "gate"), (100, "s ="))]
    words += [word("1", 130, 96), word("1+V", 122.5, 84)]
    words += line(60, (0, "current"), (100, "I = gV"))

    rows = rows_of(words, [across(0, 200, y) for y in (124, 104, 75, 50)] + [across(122, 138, 93.5)])

    assert rows[1:] == [["gate", "s = 1/(1+V)"], ["current", "I = gV"]]


def test_one_ruling_below_two_headings_spans_neither_and_the_first_column_tells_where_the_header_ends():
    words = [
        *line(124, (110, "Here")),
        *line(112, (80, "Training"), (180, "Test")),
        *line(98, (0, "Name"), (80, "HR"), (130, "p"), (180, "HR")),
        *line(80, (0, "Age"), (80, "1.0"), (130, "0.2"), (180, "1.1")),
        *line(68, (0, "Sex"), (80, "2.0"), (130, "0.4"), (180, "2.1")),
    ]
    rulings = [across(0, 600, 136), across(70, 600, 121), across(70, 600, 108), across(0, 600, 92), across(0, 600, 60)]
    words += line(80, (560, "longest"))

    grid = read_grid(words, rulings, (), frozenset())

    assert grid is not None
    assert [cell.text for cell in grid.cells if cell.row == 1] == ["Training", "Test"]
    assert [cell.text for cell in grid.cells if cell.is_header] == ["Here", "Training", "Test", "Name", "HR", "p", "HR"]


def test_what_says_that_a_table_goes_on_is_none_of_its_rows_and_margins_may_differ():
    first = table(1, [["Name", "Value"], ["a", "1"]])
    sign = Block(kind=Kind.TEXT, page=1, rect=Rect(0, 80, 240, 90), text="(Continued on next page)")
    second = table(2, [["Continued", ""], ["Name", "Value"], ["b", "2"]])
    assert second.grid is not None
    moved = [
        replace(c, rect=Rect(c.rect.left + 9, c.rect.bottom, c.rect.right + 9, c.rect.top)) for c in second.grid.cells if c.text
    ]
    rest = replace(second, rect=Rect(9, 100, 249, 710), grid=replace(second.grid, cells=tuple(moved)))

    pages = join_tables([[first, sign], [rest]])

    assert [len(page) for page in pages] == [1, 0]
    assert pages[0][0].grid is not None
    assert [c.text for c in pages[0][0].grid.cells] == ["Name", "Value", "a", "1", "b", "2"]


def test_rulings_between_cells_of_many_lines_of_prose_make_rows():
    words = [*line(200, (0, "Kind"), (60, "What speaks for it"))]
    for n, name in enumerate(("DNN", "DBN", "CNN")):
        top = 185 - 70 * n
        words += [*line(top, (0, name)), *line(top - 50, (0, "In Out"))]
        for m, text in enumerate(
            [
                "- It learns all that it needs",
                "from the data.",
                "- It can be used for text and",
                "for the care of health.",
                "- It is known to those who are",
                "of use.",
            ]
        ):
            words += line(top - 10 * m, (60, text))
    rulings = [across(0, 220, y) for y in (212, 195, 125, 55, -15)]

    rows = rows_of(words, rulings)

    assert [row[0] for row in rows] == ["Kind", "DNN In Out", "DBN In Out", "CNN In Out"]
