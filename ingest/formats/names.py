"""The formats that are read, and what they are called: here, by Docling, on disk, on the web."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """What a file can be. The value is what Docling calls it, where Docling knows it."""

    PDF = "pdf"
    IMAGE = "image"  #: a scanned page, or several in a TIFF; read as the PDF that is made of it
    DOCX = "docx"
    PPTX = "pptx"
    XLSX = "xlsx"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    EPUB = "epub"
    HTML = "html"
    JATS = "xml_jats"
    PATENT = "xml_uspto"
    MARKDOWN = "md"
    ASCIIDOC = "asciidoc"
    CSV = "csv"
    LATEX = "latex"
    SOURCES = "latex_sources"  #: LaTeX files in one archive, as arXiv gives them
    VTT = "vtt"
    DOCLING = "json_docling"
    AUDIO = "audio"

    @property
    def ending(self) -> str:
        """What Docling is told the file is called: it looks at endings where we looked at bytes."""
        return _ENDINGS.get(self, f".{self.value}")


_ENDINGS = {
    Format.JATS: ".nxml",
    Format.PATENT: ".xml",
    Format.LATEX: ".tex",
    Format.SOURCES: ".tex",
    Format.DOCLING: ".json",
    Format.AUDIO: ".wav",
}

#: What a folder gives: files with these endings, in any case; JSON and XML only where the first bytes say that they are a paper. Notes,
#: pictures, tables of numbers, the parts of a LaTeX source and recordings lie beside papers everywhere: they are read when they are named,
#: as in `papers/*.md`.
ENDINGS = (
    ".pdf", ".docx", ".pptx", ".xlsx", ".odt", ".ods", ".odp", ".epub", ".html", ".htm", ".xhtml", ".xml", ".nxml", ".json",
)  # fmt: skip
