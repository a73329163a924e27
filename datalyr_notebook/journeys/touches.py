"""Touches: what brought a person to each visit, told from the events' own live evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import options, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.journeys.channel_options import Channels, channel_rules
from datalyr_notebook.journeys.channels import DEFAULT_CHANNELS, DIRECT, ChannelRule, assign_channels, first_rules
from datalyr_notebook.journeys.event_keys import event_keys
from datalyr_notebook.journeys.visits import Visits, find_visits
from datalyr_notebook.loading.encoding import numbered
from datalyr_notebook.loading.evidence import DIRECT_MEDIUMS, DIRECT_SOURCES
from datalyr_notebook.order import Flags, Ints

LEVELS = ("session", "event")
PAGEVIEW = "pageview"
DEEP_LINK = "$deep_link"
INSTALL = "app_install"
BORROWED = ("$web_attribution_matched", "$web_attribution_merged")
"""Events that lend an app the click of a web visit, which already is that touch."""

SESSION_TIMEOUT = "30min"
SESSION_TIMEOUT_US = int(pd.Timedelta(SESSION_TIMEOUT) // options.MICROSECOND)
_EVIDENCE = ("source", "medium", "campaign", "term", "content", "click_id", "click_id_type")


class TouchRows(NamedTuple):
    """Which rows are touches, by person and time."""

    row: Ints
    is_fallback: Flags
    """The visit brought no evidence: its first row is a direct touch."""
    visit: Ints

    def seen_from(self, rows: Ints) -> TouchRows:
        """The same touches in a table of which theirs holds these rows."""
        return self._replace(row=rows[self.row])


def find_touches(
    stitched: pd.DataFrame,
    *,
    level: str = "session",
    channels: Channels | None = None,
    app_direct: bool = False,
    session_timeout: str | pd.Timedelta = SESSION_TIMEOUT,
) -> pd.DataFrame:
    """The touches of every person, a row each, in the columns of ``schema.TOUCHES``.

    ``level="session"``: a visit's touches are its live marketing signals, each different from every
    earlier one of the visit in some field that both have (source, medium, campaign, term, content,
    click_id); a visit without any is one direct / none touch, on web, http and unknown rows.
    ``level="event"``: every row with live evidence, plus that direct touch. Evidence that the web SDK
    carried over from an earlier visit is no signal, nor what an app repeats; an app session without
    evidence of its own is no touch unless ``app_direct``. Server rows make no touch.

    ``channels``: rules that stand before the default channel groups, a list of records such as
    ``{"name": "Newsletter", "medium": ["email", "newsletter"]}``, or that replace them, where the last
    one has a name only (see :func:`datalyr_notebook.journeys.channel_options.channel_rules`).

    Sorted by person (in order of appearance), time and touch_id. Raises NotStitchedError, OptionError,
    and ChannelRuleError for ``channels`` that cannot be read.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-01T10:05Z", "2026-01-02T09:00Z"],
    ...     "event_name": "pageview", "anonymous_id": "anon_1", "utm_source": ["tiktok", None, None],
    ... })
    >>> find_touches(stitch(events))[["source", "medium", "channel"]]
       source medium         channel
    0  tiktok    NaN  Organic Social
    1  direct   none          Direct
    """
    stitched = read_stitched("find_touches", stitched)
    timeout_us = counting_options("find_touches", level, session_timeout)
    rules = channel_rules("find_touches", channels)
    visits = find_visits(stitched, timeout_us)
    found = touch_rows(stitched, visits, level=level, app_direct=app_direct)
    return touch_table(stitched, found, rules)


def counting_options(step: str, level: str, session_timeout: str | pd.Timedelta) -> int:
    """Refuse what touches cannot be counted by; the timeout in microseconds."""
    options.one_of(step, "level", level, LEVELS)
    return options.microseconds(step, "session_timeout", session_timeout)


def touch_rows(stitched: pd.DataFrame, visits: Visits, *, level: str, app_direct: bool) -> TouchRows:
    """The kernel: a function of whole persons. Cutting the table between persons changes nothing."""
    signal = _live_signals(stitched, visits)
    stale, has_stale = _stale_visits(stitched, visits)
    if has_stale:
        signal &= ~_before_first_pageview(stitched, visits, stale)
    rows = np.flatnonzero(signal)
    if level == "session":
        rows = _distinct(stitched, visits, rows)
    fallback = _fallbacks(stitched, visits, rows, stale, app_direct=app_direct)
    row = np.concatenate([rows, fallback])
    is_fallback = np.arange(len(row)) >= len(rows)
    inorder = _by_person_and_time(stitched, row)
    return TouchRows(row[inorder], is_fallback[inorder], visits.number[row[inorder]])


def touch_table(
    stitched: pd.DataFrame, found: TouchRows, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS
) -> pd.DataFrame:
    """Touch rows as a table."""
    columns: dict[str, object] = {}
    for name, kind, _ in schema.TOUCHES:
        if name not in ("touch_id", "channel"):
            columns[name] = touch_column(stitched, found, name, kind)
    columns["touch_id"] = event_keys(stitched, found.row)
    columns["channel"] = touch_channels(stitched, found, rules)
    return pd.DataFrame(columns)[schema.names(schema.TOUCHES)]


def touch_channels(
    stitched: pd.DataFrame, found: TouchRows, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS
) -> pd.Categorical:
    """Each touch's channel."""
    return assign_channels(_clues(stitched, found), rules)


def touch_rules(stitched: pd.DataFrame, found: TouchRows, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS) -> Ints:
    """The place of the rule that gave each touch its channel, -1 where no rule did."""
    return first_rules(_clues(stitched, found), rules)


def direct_touches(
    stitched: pd.DataFrame, found: TouchRows, channel_of: pd.Categorical, rules: Sequence[ChannelRule]
) -> Flags:
    """Which touches are direct: by their channel, or by their evidence where other rules gave it another name."""
    named = np.append(channel_of.categories == DIRECT, [False])[channel_of.codes]
    if rules is not DEFAULT_CHANNELS:
        evident = assign_channels(_clues(stitched, found), DEFAULT_CHANNELS[:1])
        named |= np.append(evident.categories == DIRECT, [False])[evident.codes]
    flags: Flags = named
    return flags


def _clues(stitched: pd.DataFrame, found: TouchRows) -> pd.DataFrame:
    """What channel rules read of touches."""
    optional = ("campaign", "click_id_type")
    read = ["source", "medium", *(name for name in optional if name in stitched.columns), "sdk"]
    return pd.DataFrame({name: touch_column(stitched, found, name, "category") for name in read})


def touch_column(stitched: pd.DataFrame, found: TouchRows, name: str, kind: str) -> object:
    """One column of the touches; a direct touch shows source ``direct``, medium ``none`` and no evidence."""
    if name not in stitched.columns:
        blank = pd.Series([None] * len(found.row), dtype=object)
        values = blank.astype("category") if kind == "category" else blank.astype(schema.TEXT)
        values = values.cat.set_categories(pd.Index([], dtype=schema.TEXT)) if kind == "category" else values
    else:
        values = stitched[name].iloc[found.row].reset_index(drop=True)
    if name not in _EVIDENCE:
        return values
    shown = {"source": "direct", "medium": "none"}.get(name)
    if not found.is_fallback.any():
        return values
    if kind != "category":
        return values.mask(found.is_fallback, None)
    categories, codes = values.cat.categories, values.cat.codes.to_numpy().astype(np.int32)
    if shown is None:
        codes = np.where(found.is_fallback, -1, codes)
    else:
        place = categories.get_indexer(pd.Index([shown]))[0]
        if place < 0:
            place, categories = len(categories), pd.Index([*categories, shown], dtype=object)
        codes = np.where(found.is_fallback, place, codes)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories))


def _live_signals(stitched: pd.DataFrame, visits: Visits) -> Flags:
    """Rows of visits with marketing evidence that is new with them."""
    evident = np.zeros(len(stitched), dtype=bool)
    for name in ("campaign", "term", "content"):
        evident |= order.codes(stitched, name) >= 0
    if "click_id" in stitched.columns:
        evident |= stitched["click_id"].notna().to_numpy()
    evident |= _marketing_source(stitched)
    evident &= visits.number >= 0
    if "touch_is_carried" in stitched.columns:
        evident &= ~stitched["touch_is_carried"].to_numpy(dtype=bool)
    mobile = order.is_among(stitched, "sdk", schema.MOBILE_SDKS)
    apps = np.flatnonzero(mobile & evident)
    if len(apps):
        evident[apps[~_is_apps_own(stitched, mobile)[apps]]] = False
    return evident


def _marketing_source(stitched: pd.DataFrame) -> Flags:
    """A source or medium that is not direct / none, decided once per pair of codes."""
    source, medium = order.codes(stitched, "source"), order.codes(stitched, "medium")
    if "source" not in stitched.columns and "medium" not in stitched.columns:
        return np.zeros(len(stitched), dtype=bool)
    no_source = np.append(_among(stitched, "source", DIRECT_SOURCES), [True])
    no_medium = np.append(_among(stitched, "medium", DIRECT_MEDIUMS), [True])
    flags: Flags = ~(no_source[source] & no_medium[medium])
    return flags


def _among(stitched: pd.DataFrame, column: str, wanted: frozenset[str]) -> Flags:
    if column not in stitched.columns:
        return np.zeros(0, dtype=bool)
    texts = stitched[column].cat.categories.astype(object)
    return np.array([str(text).strip().casefold() in wanted for text in texts], dtype=bool)


def _is_apps_own(stitched: pd.DataFrame, mobile: Flags) -> Flags:
    """App rows whose evidence is their own: an install, a deep link opened, a deep link not seen before.

    An app repeats the last deep link on every event, and a reset may keep it, so a link that this
    person's rows have named before is old.
    """
    key, person = order.codes(stitched, "touch_key"), order.codes(stitched, "person_id")
    own = order.is_named(stitched, (DEEP_LINK,)) | ((key < 0) & order.is_named(stitched, (INSTALL,)))
    keyed = np.flatnonzero(mobile & (key >= 0) & (person >= 0))
    if len(keyed):
        pair = pd.factorize(person[keyed].astype(np.int64) * (int(key.max()) + 1) + key[keyed])[0]
        inorder = order.event_order(stitched, within=pair, rows=keyed)
        heads = np.append([True], np.diff(pair[inorder]) != 0)
        own[keyed[inorder[heads]]] = True
    return own & ~order.is_named(stitched, BORROWED)


def _stale_visits(stitched: pd.DataFrame, visits: Visits) -> tuple[Flags, bool]:
    """Web sessions that start without a pageview on a device that has pageviews: an idle tab, or a reset."""
    stale = np.zeros(len(visits.first) + 1, dtype=bool)
    is_web = order.is_among(stitched, "sdk", ("web",))
    is_page = order.is_named(stitched, (PAGEVIEW,))
    odd = np.flatnonzero(is_web[visits.first] & ~is_page[visits.first])
    if not len(odd):
        return stale, False
    pages = np.flatnonzero(is_page & (visits.number >= 0))
    pair = _pairs(stitched)
    stale[odd] = np.isin(pair[visits.first[odd]], pair[pages])
    return stale, bool(stale.any())


def _pairs(stitched: pd.DataFrame) -> Ints:
    """One number a (person, device)."""
    device = order.codes(stitched, "anonymous_id")
    return order.codes(stitched, "person_id").astype(np.int64) * (int(device.max(initial=-1)) + 2) + device + 1


def _before_first_pageview(stitched: pd.DataFrame, visits: Visits, stale: Flags) -> Flags:
    """Web rows of stale visits that stand before the visit's first pageview."""
    rows = np.flatnonzero(stale[visits.number])
    inorder = rows[order.event_order(stitched, within=visits.number[rows], rows=rows)]
    number = visits.number[inorder]
    seen = np.cumsum(order.is_named(stitched, (PAGEVIEW,))[inorder])
    heads = np.append([True], np.diff(number) != 0)
    offset = np.where(heads, np.append([0], seen[:-1]), 0)
    early = np.zeros(len(stitched), dtype=bool)
    early[inorder[seen - np.maximum.accumulate(offset) == 0]] = True
    return early & order.is_among(stitched, "sdk", ("web",))


def _distinct(stitched: pd.DataFrame, visits: Visits, rows: Ints) -> Ints:
    """Of each visit's signals those that differ from every earlier touch of the visit."""
    fields = _field_codes(stitched, rows)
    coded = [(visits.number[rows], len(visits.first)), *((codes, int(codes.max(initial=-1)) + 1) for codes in fields.T)]
    key, _ = numbered(coded)
    inorder = order.event_order(stitched, within=visits.number[rows], rows=rows)
    inorder = inorder[~pd.Series(key[inorder]).duplicated().to_numpy()]
    number = visits.number[rows[inorder]]
    counts = np.bincount(number, minlength=len(visits.first))
    keep = np.ones(len(inorder), dtype=bool)
    several = np.flatnonzero(counts[number] > 1)
    for visit in np.split(several, np.flatnonzero(np.diff(number[several])) + 1) if len(several) else ():
        keep[visit] = _greedy(fields[inorder[visit]])
    return rows[inorder[keep]]


def _field_codes(stitched: pd.DataFrame, rows: Ints) -> Ints:
    """The fields that tell touches apart as codes, -1 where missing: shape (rows, fields)."""
    columns = []
    for name in schema.TOUCH_FIELDS:
        if name not in stitched.columns:
            continue
        is_coded = isinstance(stitched[name].dtype, pd.CategoricalDtype)
        columns.append(order.codes(stitched, name)[rows] if is_coded else pd.factorize(stitched[name].iloc[rows])[0])
    return np.column_stack(columns).astype(np.int64) if columns else np.zeros((len(rows), 0), dtype=np.int64)


def _greedy(fields: Ints) -> Flags:
    """Keep a signal that differs from every kept one in a field that both have; no two are the same.

    Signals that have the same fields differ, so each is looked up among those with other fields only.
    """
    signals = fields.tolist()
    present = [tuple(place for place, code in enumerate(signal) if code >= 0) for signal in signals]
    patterns = dict.fromkeys(present)
    shared = {(own, other): tuple(sorted({*own} & {*other})) for own in patterns for other in patterns if own != other}
    alike: set[tuple[Any, ...]] = set()
    """Fields of a kept signal, fields of one that may be like it, and what the kept one says in both."""
    keep = np.ones(len(signals), dtype=bool)
    for place, (signal, own) in enumerate(zip(signals, present, strict=True)):
        says = {other: tuple(signal[field] for field in shared[own, other]) for other in patterns if other != own}
        keep[place] = not any((other, own, said) in alike for other, said in says.items())
        if keep[place]:
            alike.update((own, other, said) for other, said in says.items())
    return keep


def _fallbacks(stitched: pd.DataFrame, visits: Visits, rows: Ints, stale: Flags, *, app_direct: bool) -> Ints:
    """The first row of each visit without a signal, where that makes a direct touch."""
    without = np.ones(len(visits.first), dtype=bool)
    without[visits.number[rows]] = False
    mobile = order.is_among(stitched, "sdk", schema.MOBILE_SDKS)
    direct = without if app_direct else without & ~mobile[visits.first]
    doubtful = np.flatnonzero(direct & stale[:-1])
    sure = visits.first[direct & ~stale[:-1]]
    if not len(doubtful):
        return sure
    return np.concatenate([sure, visits.first[doubtful[~_touched_before(stitched, visits, rows, sure, doubtful)]]])


def _touched_before(stitched: pd.DataFrame, visits: Visits, rows: Ints, sure: Ints, doubtful: Ints) -> Flags:
    """Whether the device already has a touch when each doubtful visit starts.

    The first doubtful visit of a device makes a touch itself if nothing came before it.
    """
    pair = _pairs(stitched)
    starts = visits.first[doubtful]
    touched = np.concatenate([rows, sure])
    touched = touched[np.isin(pair[touched], pair[starts])]
    line = np.concatenate([touched, starts])
    inorder = order.event_order(stitched, within=pd.factorize(pair[line])[0], rows=line)
    heads = np.append([True], np.diff(pair[line][inorder]) != 0)
    before = np.ones(len(line), dtype=bool)
    before[inorder[heads]] = False
    return before[len(touched) :]


def _by_person_and_time(stitched: pd.DataFrame, row: Ints) -> Ints:
    """By person, then time, then touch_id (which only ties need)."""
    person, time = order.codes(stitched, "person_id")[row], order.microseconds(stitched)[row]
    inorder = order.by_group_and_time(person.astype(np.int64), time)
    tied = np.flatnonzero((np.diff(person[inorder]) == 0) & (np.diff(time[inorder]) == 0))
    if len(tied):
        at = np.union1d(tied, tied + 1)
        places = inorder[at]
        keys = event_keys(stitched, np.sort(row[places]))
        rank = pd.factorize(keys.astype(object), sort=True)[0][np.searchsorted(np.sort(row[places]), row[places])]
        inorder[at] = places[np.lexsort((rank, time[places], person[places]))]
    return inorder
