"""Every exception this package raises on purpose, and its words.

An error names the step, what it needed, what it found, and the next move. Its facts stay on the
exception as attributes, so that a program can act on them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable


class DatalyrError(Exception):
    """Base class of every error raised on purpose."""


class OptionError(DatalyrError, ValueError):
    """An argument has a value that the step does not know."""

    def __init__(self, step: str, option: str, value: object, allowed: Iterable[str] | str) -> None:
        self.step, self.option, self.value = step, option, value
        known = allowed if isinstance(allowed, str) else "one of " + ", ".join(repr(one) for one in allowed)
        super().__init__(f"{step}: {option}={shown(value)} is not known. Use {known}.")


class ChannelRuleError(OptionError):
    """A rule of ``channels=`` that says nothing, something unknown, or can never fire."""

    def __init__(self, step: str, place: int, rule: object, problem: str, fix: str) -> None:
        self.step, self.option, self.value = step, f"channels[{place}]", rule
        self.place, self.problem = place, problem
        ValueError.__init__(self, f"{step}: channels[{place}] {problem}. {fix}.")


class SchemaError(DatalyrError, ValueError):
    """A table does not have the shape a step needs."""


class MissingColumnsError(SchemaError):
    """A column that a step needs is not there."""

    def __init__(
        self,
        step: str,
        needs: str,
        found: Iterable[object],
        fix: str = "Rename your columns with normalize_events(df, columns={...}).",
    ) -> None:
        self.step, self.needs, self.found = step, needs, [str(one) for one in found]
        have = "only " + ", ".join(repr(one) for one in self.found[:20]) if self.found else "no columns"
        more = f" and {len(self.found) - 20} more" if len(self.found) > 20 else ""
        super().__init__(f"{step} reads {needs}, but the table has {have}{more}. {fix}")


class ColumnIndexError(SchemaError):
    """Column names that do not name one column each: duplicates, or a MultiIndex."""

    def __init__(self, step: str, problem: str, fix: str) -> None:
        self.step, self.problem = step, problem
        super().__init__(f"{step} needs one plain name per column, but {problem}. {fix}")


class ColumnClashError(SchemaError):
    """A column that is to be added has the name of one that is there."""

    def __init__(self, step: str, adds: str, taken: Iterable[str], fix: str) -> None:
        self.step, self.taken = step, list(taken)
        listed = ", ".join(shown(one) for one in self.taken)
        super().__init__(f"{step} adds {adds}, but the table already has {listed}. {fix}")


class DamagedIdError(SchemaError):
    """An id column holds numbers that have lost digits or zeros."""

    def __init__(self, column: str, dtype: str, example: object) -> None:
        self.column, self.dtype, self.example = column, dtype, example
        super().__init__(
            f"normalize_events needs ids as text, but {column!r} has dtype {dtype} (for example {example!r}): "
            "leading zeros and digits beyond the 15th are already lost. Read the file again with "
            f"dtype={{{column!r}: str}}."
        )


class NotStitchedError(SchemaError):
    """A step needs to know whose row each event is."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"{step} needs stitched events (columns person_id and person_via). Call stitch(events) first.")


class JudgedAtEventError(SchemaError):
    """A step needs one state of knowledge for all rows."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(
            f"{step} needs all rows judged by one state of knowledge, but these were stitched with as_of='event', "
            "each by its own. Stitch them with as_of=None, or with as_of= one moment."
        )


class ColumnTypeError(SchemaError):
    """A column of stitched events that no longer holds what it held."""

    def __init__(self, step: str, column: str, needs: str, dtype: object, example: object) -> None:
        self.step, self.column, self.needs, self.dtype, self.example = step, column, needs, str(dtype), example
        super().__init__(
            f"{step} reads {needs} from {column!r}, but it has dtype {dtype} (for example {shown(example)}). "
            "Pass what stitch(events) answered; write_events and read_events keep its dtypes."
        )


class TraitTypeError(DatalyrError, TypeError):
    """Values of one person's trait that have no order."""

    def __init__(self, step: str, trait: str, rule: str, types: Iterable[str]) -> None:
        self.step, self.trait, self.rule, self.types = step, trait, rule, sorted(types)
        found = f"{' and '.join(self.types)} values" if len(self.types) > 1 else f"several {self.types[0]} values"
        super().__init__(
            f"{step} compares the values of {shown(trait)} under the rule {rule!r}, which takes only numbers, only "
            f"strings or only booleans, but one person has {found}. Use 'last', 'first' or 'list' for this trait."
        )


class TimestampError(DatalyrError, ValueError):
    """A timestamp that cannot be read, or is not there."""

    def __init__(self, problem: str, examples: Iterable[object], fix: str) -> None:
        self.examples = list(examples)[:3]
        listed = ", ".join(shown(one) for one in self.examples)
        super().__init__(f"normalize_events reads 'timestamp' as UTC, but {problem} (for example {listed}). {fix}")


class SourceError(DatalyrError, ValueError):
    """What read_events was given holds no events it can read."""

    def __init__(self, source: str, problem: str, fix: str) -> None:
        self.source = source
        super().__init__(f"read_events cannot read {source}: {problem}. {fix}")


class LineError(SourceError):
    """One line of a file is damaged."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        self.file, self.line = file, line
        super().__init__(
            f"line {line} of {file}",
            problem,
            "Mend the line, or pass errors='collect' to load the rest and keep this one in the report.",
        )


class CurrencyError(DatalyrError, ValueError):
    """Money in several currencies, or a currency without a rate."""

    def __init__(self, found: Iterable[str], missing: Iterable[str] = ()) -> None:
        self.found, self.missing = sorted(found), sorted(missing)
        lacking = f", and rates= has none for {', '.join(self.missing)}" if self.missing else ""
        super().__init__(
            f"find_conversions adds up values, but they come in {', '.join(self.found) or 'no currency'}{lacking}. "
            "Pass rates={'EUR': 1.08, 'USD': 1.0}: what one unit of each is worth in the currency you report in."
        )


class UnknownPersonError(DatalyrError, LookupError):
    """Nobody has this id."""

    def __init__(self, step: str, asked: object, nearest: Iterable[str]) -> None:
        self.step, self.asked, self.nearest = step, asked, list(nearest)
        near = f" Nearest: {', '.join(shown(one) for one in self.nearest)}." if self.nearest else ""
        super().__init__(f"{step} found no person, user_id or anonymous_id {shown(asked)}.{near}")


class AmbiguousPersonError(DatalyrError, LookupError):
    """An id that several persons have, such as the anonymous_id of a shared device."""

    def __init__(self, step: str, asked: object, persons: Iterable[str]) -> None:
        self.step, self.asked, self.persons = step, asked, list(persons)
        listed = ", ".join(shown(one) for one in self.persons[:5])
        more = f" and {len(self.persons) - 5} more" if len(self.persons) > 5 else ""
        super().__init__(
            f"{step} needs one person, but {shown(asked)} is on rows of {len(self.persons)}: {listed}{more}. "
            "Pass one of these person_ids."
        )


class UnknownLinkError(DatalyrError, LookupError):
    """A link that the events do not show."""

    def __init__(self, step: str, links: Iterable[tuple[str, str, str]]) -> None:
        self.step, self.links = step, list(links)
        listed = "; ".join(f"{shown(one)} to {shown(other)} ({kind})" for one, other, kind in self.links[:3])
        more = f"; and {len(self.links) - 3} more" if len(self.links) > 3 else ""
        super().__init__(
            f"{step} takes away links that the events show, but they show none from {listed}{more}. "
            "Pass rows of identity_links(events, rule), made with the same rule."
        )


class UnknownConversionError(DatalyrError, LookupError):
    """No conversion that counts has this id."""

    def __init__(self, step: str, asked: object, nearest: Iterable[str]) -> None:
        self.step, self.asked, self.nearest = step, asked, list(nearest)
        near = f" Nearest: {', '.join(shown(one) for one in self.nearest)}." if self.nearest else ""
        super().__init__(
            f"{step} found no conversion with the conversion_id, order_id or event_id {shown(asked)}.{near} "
            "result.conversions lists those that count, result.left_out says what does not."
        )


class AmbiguousConversionError(DatalyrError, LookupError):
    """An order_id or event_id that several conversions have."""

    def __init__(self, step: str, asked: object, conversions: Iterable[str]) -> None:
        self.step, self.asked, self.conversions = step, asked, list(conversions)
        listed = ", ".join(shown(one) for one in self.conversions[:5])
        more = f" and {len(self.conversions) - 5} more" if len(self.conversions) > 5 else ""
        super().__init__(
            f"{step} needs one conversion, but {len(self.conversions)} have {shown(asked)}: {listed}{more}. "
            "Pass one of these conversion_ids."
        )


class JourneySizeError(DatalyrError, ValueError):
    """More pairs of a conversion and a touch than memory holds."""

    def __init__(self, step: str, pairs: int, limit: int, conversions: int, person: object, own_pairs: int) -> None:
        self.step, self.pairs, self.limit, self.conversions = step, pairs, limit, conversions
        self.person, self.own_pairs = person, own_pairs
        super().__init__(
            f"{step} needs at most {limit:,} pairs of a conversion and a touch that it looks back on, but "
            f"{conversions:,} conversions have {pairs:,}, {shown(person)} alone {own_pairs:,} of them. Shorten "
            "lookback=, or pass touches_feed='next', so that each touch feeds one conversion; a person with so many "
            "is a robot or a placeholder id, which stitch(block=...) takes out."
        )


class ModelError(DatalyrError, ValueError):
    """A model gave weights that are none."""

    def __init__(self, model: str, problem: str) -> None:
        self.model, self.problem = model, problem
        super().__init__(
            f"attribute needs of {model}.weights one number ≥ 0 a touch, summing to 1 in each journey, but {problem}."
        )


class PathError(DatalyrError, ValueError):
    """Paths of channels that cannot be read, or written."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        super().__init__(f"PathCounts needs paths of channels and their numbers, but {problem}. {fix}.")


class PathModelError(DatalyrError, TypeError):
    """A model that needs more than the order of channels."""

    def __init__(self, model: str, needs: Iterable[str]) -> None:
        self.model, self.needs = model, list(needs)
        super().__init__(
            f"{model}.allocate needs {' and '.join(self.needs)} of every touch, which paths of channels do not say. "
            f"Use attribute(stitched, model=dn.{model}()) on events, or a model of order alone such as Linear."
        )


class TooManyStatesError(DatalyrError, ValueError):
    """A Markov chain with more states than can be solved exactly."""

    def __init__(self, order: int, states: int, limit: int) -> None:
        self.order, self.states, self.limit = order, states, limit
        smaller = f"Use a lower order than {order}" if order > 1 else "Group touches by something with fewer values"
        super().__init__(
            f"Markov(order={order}) solves a chain of at most {limit:,} states, but these paths have {states:,}. "
            f"{smaller}, or put rare channels into one group."
        )


class TooManyChannelsError(DatalyrError, ValueError):
    """More channels than can be looked at in every combination."""

    def __init__(self, model: str, channels: int, limit: int) -> None:
        self.model, self.channels, self.limit = model, channels, limit
        super().__init__(
            f"{model} looks at every set of channels and takes at most {limit} of them, but these paths have "
            f"{channels:,}. Put rare channels into one group, or use Shapley, which takes any number."
        )


class ApiKeyError(DatalyrError, ValueError):
    """No API key, one that cannot be sent, or one that stands where it must not; the key is never shown."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        super().__init__(f"Client needs an API key, but {problem}. {fix}")


class ApiError(DatalyrError):
    """A request that the API did not answer with what was asked for.

    ``status`` is None where no answer came, ``message`` what the server said: shortened, without control
    characters and without the key.
    """

    def __init__(
        self,
        path: str,
        problem: str,
        fix: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        message: str = "",
    ) -> None:
        self.path, self.problem, self.status = path, problem, status
        self.request_id, self.message = request_id, message
        answered = "was not answered" if status is None else f"answered {status}"
        says = f"; the server says {shown(message, width=320)}" if message else ""
        named = f" Request id: {request_id}." if request_id else ""
        super().__init__(f"GET {path} {answered}: {problem}{says}. {fix}{named}")


class AuthenticationError(ApiError):
    """The API does not know the key (401)."""


class PlanError(ApiError):
    """The key is valid, but the plan does not have what was asked for (403)."""


class RateLimitError(ApiError):
    """The next request is permitted only after the longest wait that was allowed; ``reset_at`` is when (UTC)."""

    def __init__(
        self,
        path: str,
        problem: str,
        fix: str,
        *,
        reset_at: dt.datetime | None,
        status: int | None = 429,
        request_id: str | None = None,
        message: str = "",
    ) -> None:
        self.reset_at = reset_at
        super().__init__(path, problem, fix, status=status, request_id=request_id, message=message)


class ApiTimeoutError(ApiError, TimeoutError):
    """No answer, or not all of it, within timeout_s."""


class ApiConnectionError(ApiError, ConnectionError):
    """The server could not be reached, or the connection broke."""


class ApiResponseError(ApiError, ValueError):
    """An answer that cannot be read: not JSON, cut, too large, or of a shape that makes no table."""


class PagingError(DatalyrError, ValueError):
    """Pages of an endpoint that cannot be followed, or do not add up to a whole window."""

    def __init__(self, path: str, problem: str, fix: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"Client.events follows the pages of {shown(path)} to the last row, but {problem}. {fix}")


class CheckpointError(DatalyrError, ValueError):
    """A folder that does not take the parts of this pull."""

    def __init__(self, folder: str, problem: str, fix: str) -> None:
        self.folder, self.problem = folder, problem
        super().__init__(
            f"Client.events keeps the parts of one pull in checkpoint={shown(folder, width=200)}, but {problem}. {fix}"
        )


def shown(value: object, *, width: int = 80) -> str:
    """A value as an error shows it: its repr, cut in the middle when long."""
    try:
        text = repr(value)
    except (NotImplementedError, ValueError):  # pandas writes no year beyond 9999 in a repr
        text = str(value)
    return text if len(text) <= width else f"{text[: width // 2]}…{text[-width // 4 :]}"
