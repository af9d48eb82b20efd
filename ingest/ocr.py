"""Read the text of a page image with RapidOCR: lines with their corners, their letters' places and how sure it is.

RapidOCR's own call is not used, only its three parts. It looks for text in the full picture, which takes as long as reading it:
here that is done on a smaller one. It reads a sideways page letter by letter: here such a page is turned first. And its word
boxes are split by script and width, not by the spaces that it read.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from errors import WeightsMissing
from ingest.ocr_key import PACKAGES

if TYPE_CHECKING:
    from rapidocr import RapidOCR

Image = NDArray[np.uint8]  #: height x width x 3, blue first as OpenCV has it
Points = NDArray[np.float32]  #: n x 2, pixels from the top left

#: Dots per inch of the pictures that are read: more costs time and reads no better (docs/log.md).
DPI = 200
#: The picture in which text is looked for, as a share of the one that is read.
_FIND_SCALE = 0.6
#: Lines that RapidOCR is less sure of are marks, stains and drawings more often than words; the first for single signs.
_SURE_OF_SIGN, _SURE_OF_LINE = 0.8, 0.5
#: Lines whose upper side is asked for to learn whether the page stands on its head.
_ASKED = 16
#: Height over width from which a found piece of text is taken as written up or down.
_UPRIGHT = 1.5

#: Languages that the recognizer inside the rapidocr package does not read need a file of their own below this folder of
#: `artifacts`, where `docling-tools models download rapidocr` puts it.
_FOLDER = "RapidOcr"


@dataclass(frozen=True, slots=True, eq=False)
class ReadLine:
    """One line of text as it was read."""

    corners: Points  #: of the upright picture: top left, top right, bottom right, bottom left as one reads it
    text: str
    columns: tuple[float, ...]  #: of each letter that is no space, its middle along the line, 0 to 1
    confidence: float
    crop: Image  #: the line cut out and set straight
    turn: int  #: degrees: 0 where it runs across the upright picture, 90 where up, -90 where down


@dataclass(frozen=True, slots=True, eq=False)
class ReadImage:
    turn: int  #: degrees by which the text of the picture as it was given is turned: 0, 90 (up), -90 (down), 180
    image: Image  #: the same, upright
    lines: tuple[ReadLine, ...]


class Ocr:
    """The models, loaded once. Several threads may read with it."""

    def __init__(self, languages: tuple[str, ...], artifacts: Path | None) -> None:
        """Raises WeightsMissing where the package or the file for one of the languages is not there."""
        missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            raise WeightsMissing(
                f"OCR needs the package {' and '.join(missing)}. No document was read. Install with `pip install "
                f'{" ".join(missing)}`, or set ocr = "off" in reread.toml.'
            )
        self._ocr = _open(_recognizer(languages, artifacts))

    def read(self, image: Image, *, as_given: bool = False) -> ReadImage:
        """The lines of this picture, wherever its top is; `as_given` where that is known to be above."""
        turn, boxes = 0, self._find(image)
        if not as_given and _is_sideways(boxes):
            turn, image = 90, _upright(image, 90)
            boxes = self._find(image)
        crops = [_cut(image, box) for box in boxes]
        if crops and not as_given and self._is_on_its_head(boxes, crops):
            image = _upright(image, 180)
            boxes = [_mirrored(box, image) for box in boxes]
            crops = [_cut(image, box) for box in boxes]
            turn = -90 if turn else 180
        return ReadImage(turn, image, tuple(self._lines(boxes, crops)))

    def _find(self, image: Image) -> list[Points]:
        """The corners of each piece of text, clockwise from the top left of the picture."""
        import cv2

        small = cv2.resize(image, None, fx=_FIND_SCALE, fy=_FIND_SCALE, interpolation=cv2.INTER_AREA)
        found = self._ocr._load_det_model()(small)
        return [] if found.boxes is None else [np.asarray(box, np.float32) / _FIND_SCALE for box in found.boxes]

    def _is_on_its_head(self, boxes: list[Points], crops: list[Image]) -> bool:
        """What most of the longest lines say."""
        across = [n for n, box in enumerate(boxes) if not _is_upright(box)]
        longest = sorted(across, key=lambda n: -crops[n].shape[1])[:_ASKED]
        return len(longest) > 0 and sum(self._upside_down([crops[n] for n in longest])) > len(longest) / 2

    def _upside_down(self, crops: list[Image]) -> list[bool]:
        answers = self._ocr._load_cls_model()(list(crops)).cls_res or []
        return [label == "180" for label, _ in answers]

    def _lines(self, boxes: list[Points], crops: list[Image]) -> list[ReadLine]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not crops:
            return []
        turns = [0] * len(boxes)
        written = [n for n, box in enumerate(boxes) if _is_upright(box)]
        for n, is_down in zip(written, self._upside_down([crops[n] for n in written]) if written else (), strict=True):
            turns[n] = 90 if is_down else -90  # RapidOCR turns them one way: what is then on its head ran the other way
            crops[n] = np.ascontiguousarray(np.rot90(crops[n], 2)) if is_down else crops[n]
        result = self._ocr._load_rec_model()(TextRecInput(img=crops, return_word_box=True))
        read = zip(boxes, crops, turns, result.txts, result.scores, result.word_results, strict=True)
        return [
            ReadLine(box, text, _columns(text, words), float(score), crop, turn)
            for box, crop, turn, text, score, words in read
            if text.strip() and score >= (_SURE_OF_LINE if len(text.strip()) > 1 else _SURE_OF_SIGN)
        ]


def _open(recognizer: dict[str, Any]) -> RapidOCR:
    """RapidOCR with its models loaded: one thread each, because pages are read side by side."""
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(1)
    threads = "EngineConfig.onnxruntime.{}_op_num_threads"
    ocr = RapidOCR(
        params={
            threads.format("intra"): 1,
            threads.format("inter"): 1,
            "Global.log_level": "warning",
            # Each line by itself: a batch is padded to its longest, which costs a tenth of the memory and a sixth of the time.
            "Rec.rec_batch_num": 1,
            **recognizer,
        }
    )
    ocr._load_det_model()
    ocr._load_cls_model()
    ocr._load_rec_model()
    return ocr


def _recognizer(languages: tuple[str, ...], artifacts: Path | None) -> dict[str, Any]:
    """RapidOCR's parameters for the model that reads these languages; none for the one in its package."""
    if not languages:
        return {}
    from docling.exceptions import OcrLanguageNotSupportedError
    from docling.models.stages.ocr.rapid_ocr_model import _rapidocr_artifacts, _resolve_rapidocr
    from rapidocr.utils.typings import EngineType, OCRVersion

    try:
        wanted = [_resolve_rapidocr(language, "onnxruntime") for language in languages]
    except (ValueError, OcrLanguageNotSupportedError) as error:
        raise WeightsMissing(
            f"OCR has no model for one of ocr_languages = {list(languages)}: {error}. No document was read. "
            "Name languages as Docling does: 'en', 'ch', 'latin', 'arabic', or 'iso:de'."
        ) from error
    packs = {(want.ppocr_version, want.rapidocr_code) for want in wanted if want.ppocr_version != OCRVersion.PPOCRV6}
    if not packs:
        return {}
    if len(packs) > 1 or len(packs) < len({w.ppocr_version for w in wanted}):
        raise WeightsMissing(
            f"One OCR model does not read all of ocr_languages = {list(languages)}. No document was read. Name one of them."
        )
    version, code = packs.pop()
    assert version is not None and code is not None
    folder = (artifacts or Path.home() / ".cache" / "docling" / "models") / _FOLDER
    pack = _rapidocr_artifacts(folder, EngineType.ONNXRUNTIME, version, code, need_det=False, need_cls=False)["rec"]
    lacking = [file for file in pack.files if not file.is_file()]
    if lacking:
        raise WeightsMissing(
            f"OCR of ocr_languages = {list(languages)} needs {', '.join(map(str, lacking))}. No document was read. On a machine with "
            f"a network: `docling-tools models download rapidocr -o {folder.parent}`; or leave ocr_languages as it was."
        )
    return {
        "Rec.ocr_version": version,
        "Rec.lang_type": code,
        "Rec.model_path": str(pack.model_path),
        "Rec.rec_keys_path": str(pack.dict_path) if pack.dict_path else None,
    }


def _columns(text: str, words: Any) -> tuple[float, ...]:
    """Where each printed letter stands, 0 to 1 along the line; evenly spread where RapidOCR does not say."""
    places = [(column + 0.5) / words.line_txt_len for group in words.word_cols or () for column in group]
    n = sum(not sign.isspace() for sign in text)
    if len(places) == n:
        return tuple(min(1.0, place) for place in places)
    return tuple((at + 0.5) / len(text) for at, sign in enumerate(text) if not sign.isspace())


def _cut(image: Image, box: Points) -> Image:
    from rapidocr.utils.process_img import get_rotate_crop_image

    return np.ascontiguousarray(get_rotate_crop_image(image, box.copy()))


def _is_upright(box: Points) -> bool:
    return bool(_length(box[0], box[3]) >= _UPRIGHT * _length(box[0], box[1]))


def _is_sideways(boxes: list[Points]) -> bool:
    """True where more of the text, by its length, is written up or down than across."""
    up = sum(_length(box[0], box[3]) for box in boxes if _is_upright(box))
    across = sum(_length(box[0], box[1]) for box in boxes if not _is_upright(box))
    return up > 1.5 * across and len(boxes) > 1


def _length(a: Any, b: Any) -> float:
    return float(np.hypot(*(a - b)))


def _upright(image: Image, turn: int) -> Image:
    """The picture with the text of this direction running across."""
    return np.ascontiguousarray(np.rot90(image, {90: -1, -90: 1, 180: 2}[turn]))


def _mirrored(box: Points, image: Image) -> Points:
    """The same corners after the picture was turned by half, top left first again."""
    height, width = image.shape[:2]
    return (np.asarray([width, height], np.float32) - box)[[2, 3, 0, 1]]
