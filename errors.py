"""Everything that can go wrong, as one tree.

    RereadError
    ├── InputRefused            the file is not one that can be read; exit 1 in a batch, 4 alone
    │   ├── UnsupportedFormat   unsupported_format
    │   ├── NotInstalled        not_installed    the extra or the weights that its format needs are not here
    │   ├── EmptyFile           empty
    │   ├── TooLarge            too_large        bytes or pages over the limit
    │   ├── Encrypted           encrypted        a password is needed
    │   ├── Unreadable          unreadable       the file system would not give the bytes
    │   ├── UrlRefused          url_refused      URLs are switched off, or this one leads where none may
    │   ├── FetchFailed         fetch_failed     the address did not give the bytes
    │   └── NoTextLayer         no_text_layer    a scan that OCR reads nothing in, or may not read
    ├── ConversionFailed        conversion_failed
    │   ├── Damaged             damaged          Docling and PDFium could not parse it
    │   ├── TimedOut            timed_out
    │   ├── OutOfMemory         out_of_memory
    │   ├── ConverterDied       converter_died   the child process was killed or crashed
    │   └── GaveUp              gave_up          the processes that worked on it died, again and again
    ├── ReadingFailed           reading_failed   one unit could not be read; kept as a named failure
    │   ├── AnswerTruncated     answer_truncated
    │   ├── AnswerEmpty         answer_empty
    │   ├── AnswerInvalid       answer_invalid   not JSON, or JSON that breaks the schema
    │   └── AnswerRefused       answer_refused   the server filtered, aborted or rejected the request
    ├── PromptInvalid           prompt_invalid   names the line and the reason; exit 5
    ├── SettingsInvalid         settings_invalid exit 5
    ├── NotFound                not_found        no such document, run, job or model alias; exit 2
    ├── RequestRefused          request_refused  the service will not do this for this caller now
    │   ├── NoKey               no_key           401: no API key, or none that is known
    │   ├── ScopeMissing        scope_missing    403: the key may not do this
    │   ├── QuotaExceeded       quota_exceeded   429: of this key; says when to come again
    │   ├── QueueFull           queue_full       429: of the whole service; says when to come again
    │   ├── Conflict            conflict         409: not in this state
    │   └── KeyReused           key_reused       422: the same Idempotency-Key with another body
    ├── BatchInvalid            batch_invalid    a batch file is no such file, or of another question; exit 5
    ├── NotMeasured             not_measured     no energy counter can be read here; exit 1
    ├── JobLost                 job_lost         cancelled, paused or taken over while it was worked on; ends that work
    ├── Unreachable             unreachable      exit 3
    │   ├── ModelUnreachable    model_unreachable
    │   ├── BrokerUnreachable   broker_unreachable
    │   ├── LedgerUnreachable   ledger_unreachable
    │   └── WeightsMissing      weights_missing
    └── LibraryError            library_error    exit 5
        ├── LibraryTooNew       library_too_new
        ├── EmbeddingMismatch   embedding_mismatch
        ├── StagedUnusable      staged_unusable  a worker's result on its way to the writer; its job is done again
        └── LibraryBusy         library_busy

Each message says what failed, on which thing, what is left, what to do. Errors are translated once, at the outside tool's home,
and become an exit code or a status code only at a door.
"""

from __future__ import annotations


class RereadError(Exception):
    """The root. `code` is stable: scripts and stored failures use it."""

    code = "error"
    advice = ""  #: what to do, for lists where the message itself is too long
    is_final = False  #: the same bytes fail in the same way every time, so there is no use in trying again

    @property
    def reason(self) -> str:
        return str(self)


class InputRefused(RereadError):
    code = "input_refused"


class UnsupportedFormat(InputRefused):
    is_final = True
    code = "unsupported_format"
    advice = "PDF, Office, OpenDocument, EPUB, HTML, JATS, LaTeX, Markdown, images and a few more are read"


class NotInstalled(InputRefused):
    code = "not_installed"
    advice = "install what the message names, then add it again"


class EmptyFile(InputRefused):
    is_final = True
    code = "empty"
    advice = "the file has no bytes; fetch it again"


class TooLarge(InputRefused):
    code = "too_large"
    advice = "split it, or raise max_file_mb or max_pages in reread.toml"


class Encrypted(InputRefused):
    is_final = True
    code = "encrypted"
    advice = "save it without a password, then add it again"


class Unreadable(InputRefused):
    code = "unreadable"
    advice = "check that the file exists and may be read"


class UrlRefused(InputRefused):
    code = "url_refused"
    advice = "fetch the file yourself and submit its bytes, or have its host added to url_hosts"


class FetchFailed(InputRefused):
    code = "fetch_failed"
    advice = "open the address in a browser; if it gives the PDF there, submit it again"


class NoTextLayer(InputRefused):
    is_final = True
    code = "no_text_layer"
    advice = 'look at it: blank pages have no text; a scan is read where `ocr` in reread.toml is not "off"'


class ConversionFailed(RereadError):
    code = "conversion_failed"
    advice = "open it in a viewer; if it looks right there, please report it"


class Damaged(ConversionFailed):
    is_final = True
    code = "damaged"
    advice = "fetch the file again, or repair it (qpdf, for example)"


class TimedOut(ConversionFailed):
    code = "timed_out"
    advice = "raise convert_timeout_s in reread.toml, then add it again"


class OutOfMemory(ConversionFailed):
    code = "out_of_memory"
    #: How an allocation that failed in native code reads once a library has caught it.
    signs = ("bad_alloc", "MemoryError", "Cannot allocate memory", "can't allocate memory", "Unable to allocate")
    advice = "raise convert_memory_mb in reread.toml, then add it again"


class ConverterDied(ConversionFailed):
    code = "converter_died"
    crash = ""  #: what it died of by itself, such as 'SIGSEGV'; '' where somebody killed it
    advice = "the file crashed its converter process and nothing else; please report it"


class GaveUp(ConversionFailed):
    code = "gave_up"
    advice = "look for what ends the process (memory of the machine, for example), then run the same command again"


class ReadingFailed(RereadError):
    code = "reading_failed"


class AnswerTruncated(ReadingFailed):
    code = "answer_truncated"


class AnswerEmpty(ReadingFailed):
    code = "answer_empty"


class AnswerInvalid(ReadingFailed):
    code = "answer_invalid"


class AnswerRefused(ReadingFailed):
    code = "answer_refused"


class PromptInvalid(RereadError):
    code = "prompt_invalid"


class SettingsInvalid(RereadError):
    code = "settings_invalid"


class NotFound(RereadError):
    code = "not_found"


class RequestRefused(RereadError):
    code = "request_refused"

    def __init__(self, message: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s  #: seconds; None = coming again changes nothing


class NoKey(RequestRefused):
    code = "no_key"
    advice = "send a key as `Authorization: Bearer KEY` or `X-Api-Key: KEY`; `reread keys create NAME` makes one"


class ScopeMissing(RequestRefused):
    code = "scope_missing"
    advice = "ask for a key with this scope"


class QuotaExceeded(RequestRefused):
    code = "quota_exceeded"
    advice = "wait for the time in Retry-After, or ask for a larger quota"


class QueueFull(RequestRefused):
    code = "queue_full"
    advice = "wait for the time in Retry-After, then submit the same again"


class Conflict(RequestRefused):
    code = "conflict"


class KeyReused(RequestRefused):
    code = "key_reused"
    advice = "use a fresh Idempotency-Key for another request"


class BatchInvalid(RereadError):
    code = "batch_invalid"


class NotMeasured(RereadError):
    code = "not_measured"


class JobLost(RereadError):
    code = "job_lost"


class Unreachable(RereadError):
    code = "unreachable"


class ModelUnreachable(Unreachable):
    code = "model_unreachable"


class BrokerUnreachable(Unreachable):
    code = "broker_unreachable"
    advice = "start Redis, or mend `broker` in reread.toml; what is submitted meanwhile is kept"


class LedgerUnreachable(Unreachable):
    code = "ledger_unreachable"
    advice = "start PostgreSQL, or mend `ledger` in reread.toml"


class WeightsMissing(Unreachable):
    code = "weights_missing"


class LibraryError(RereadError):
    code = "library_error"


class LibraryTooNew(LibraryError):
    code = "library_too_new"


class EmbeddingMismatch(LibraryError):
    code = "embedding_mismatch"


class StagedUnusable(LibraryError):
    code = "staged_unusable"


class LibraryBusy(LibraryError):
    code = "library_busy"


def subclasses(root: type[RereadError] = RereadError) -> list[type[RereadError]]:
    """The whole tree below a class, depth first."""
    return [found for child in root.__subclasses__() for found in (child, *subclasses(child))]


#: The error class of a stored code: how a child process or the ledger says which error it was.
def error_of_code(code: str, message: str) -> RereadError:
    """The error that this stored code names, with this message; an unknown code gives the root."""
    by_code = {cls.code: cls for cls in subclasses()}
    return by_code.get(code, RereadError)(message)
