"""PDFs written by hand, as small as a test needs them: text in the standard fonts, lines, filled boxes."""

from __future__ import annotations

from dataclasses import dataclass, field

REGULAR, BOLD, ITALIC = "F1", "F2", "F3"
_FONTS = {REGULAR: "Helvetica", BOLD: "Helvetica-Bold", ITALIC: "Helvetica-Oblique"}


@dataclass
class PdfMaker:
    """Pages of drawing operators; `save` puts them into a file that any reader opens."""

    width: float = 595
    height: float = 842
    pages: list[list[str]] = field(default_factory=lambda: [[]])

    def page(self) -> PdfMaker:
        self.pages.append([])
        return self

    def text(self, x: float, y: float, text: str, *, size: float = 10, font: str = REGULAR) -> PdfMaker:
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.pages[-1].append(f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET")
        return self

    def lines(self, x: float, y: float, lines: list[str], *, size: float = 10, pitch: float = 12) -> float:
        """Lines below each other; the height at which the next one would stand."""
        for number, line in enumerate(lines):
            self.text(x, y - number * pitch, line, size=size)
        return y - len(lines) * pitch

    def rule(self, x0: float, x1: float, y: float) -> PdfMaker:
        self.pages[-1].append(f"0.7 w {x0} {y} m {x1} {y} l S")
        return self

    def standing_rule(self, x: float, y0: float, y1: float) -> PdfMaker:
        self.pages[-1].append(f"0.7 w {x} {y0} m {x} {y1} l S")
        return self

    def upwards(self, x: float, y: float, text: str, *, size: float = 10) -> PdfMaker:
        """A line written up the page from here."""
        self.pages[-1].append(f"BT /{REGULAR} {size} Tf 0 1 -1 0 {x} {y} Tm ({text}) Tj ET")
        return self

    def image(self, x: float, y: float, width: float, height: float) -> PdfMaker:
        """One black pixel, drawn as large as this."""
        self.pages[-1].append(f"q {width} 0 0 {height} {x} {y} cm BI /W 1 /H 1 /CS /G /BPC 8 /F /AHx ID 00> EI Q")
        return self

    def box(self, x: float, y: float, width: float, height: float) -> PdfMaker:
        self.pages[-1].append(f"0.6 g {x} {y} {width} {height} re f 0 g")
        return self

    def to_bytes(self) -> bytes:
        return with_table(self.bodies())

    def bodies(self) -> list[str]:
        """The file's objects: the catalog, the pages, three fonts, then each page and its content."""
        n = len(self.pages)
        fonts = " ".join(f"/{key} {3 + number} 0 R" for number, key in enumerate(_FONTS))
        kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(n))
        bodies = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {n} >>"]
        bodies += [
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>" for name in _FONTS.values()
        ]
        for number, operators in enumerate(self.pages):
            stream = "\n".join(operators)
            bodies.append(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {self.width} {self.height}] "
                f"/Resources << /Font << {fonts} >> >> /Contents {7 + 2 * number} 0 R >>"
            )
            bodies.append(f"<< /Length {len(stream.encode('latin-1'))} >>\nstream\n{stream}\nendstream")
        return bodies


def with_table(bodies: list[str], trailer: str = "") -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = f"trailer << /Size {len(bodies) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}{end}".encode("latin-1")
